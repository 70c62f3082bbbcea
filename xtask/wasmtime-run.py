"""Runs a WASI command in wasmtime, as the runner of `cargo test --target wasm32-wasip1`.

Usage: wasmtime-run.py MODULE [ARGUMENT...]
"""

import os
import sys

from wasmtime import Engine, ExitTrap, Linker, Module, Store, WasiConfig

if len(sys.argv) < 2:
    sys.exit("wasmtime-run.py: found no argument, expected the path of a WASI module")
module, *arguments = sys.argv[1:]
checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

wasi = WasiConfig()
wasi.argv = [module, *arguments]
wasi.env = list(os.environ.items())
wasi.inherit_stdin()
wasi.inherit_stdout()
wasi.inherit_stderr()
# Test data is read relative to the package, or by the absolute path that cargo compiled in.
wasi.preopen_dir(os.getcwd(), ".")
wasi.preopen_dir(checkout, checkout)

engine = Engine()
linker = Linker(engine)
linker.define_wasi()
store = Store(engine)
store.set_wasi(wasi)
instance = linker.instantiate(store, Module.from_file(engine, module))
try:
    instance.exports(store)["_start"](store)
except ExitTrap as ended:
    # A panic is a trap of another kind: it ends this program with status 1.
    sys.exit(ended.code)
