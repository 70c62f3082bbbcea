"""The runner that runs the stages in wasmtime: a line for a line, see src/lib.rs.

Usage: in-wasmtime.py time|fuel MODULE
"""

import json
import sys
import time
from importlib.metadata import version

from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig

measure, module = sys.argv[1:]
config = Config()
config.consume_fuel = measure == "fuel"
engine = Engine(config)
store = Store(engine)
if measure == "fuel":
    store.set_fuel(2**63)
store.set_wasi(WasiConfig())
linker = Linker(engine)
linker.define_wasi()
exports = linker.instantiate(store, Module.from_file(engine, module)).exports(store)

text = sys.stdin.readline().encode()
exports["memory"].write(store, text, exports["input"](store, len(text)))
length = exports["prepare"](store)
start = exports["greeting_address"](store)
greeting = json.loads(exports["memory"].read(store, start, start + length))
greeting["engine"] = f"wasmtime {version('wasmtime')}"
print(json.dumps(greeting), flush=True)
run = exports["run"]
for line in sys.stdin:
    stage, times = map(int, line.split())
    if measure == "fuel":
        before = store.get_fuel()
        run(store, stage, times)
        print(before - store.get_fuel(), flush=True)
    else:
        before = time.perf_counter_ns()
        run(store, stage, times)
        print(time.perf_counter_ns() - before, flush=True)
