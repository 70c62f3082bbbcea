#!/usr/bin/env -S node --no-warnings
// Runs a WASI command in Node, as the runner of `cargo test --target wasm32-wasip1`.
// Usage: wasi-run.mjs MODULE [ARGUMENT...]
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

const [module, ...args] = process.argv.slice(2);
if (module === undefined) {
  console.error("wasi-run.mjs: found no argument, expected the path of a WASI module");
  process.exit(2);
}
// V8 takes relaxed SIMD without being asked from 11.4 on.
const [major, minor] = process.versions.v8.split(".").map(Number);
if (major < 11 || (major === 11 && minor < 4)) {
  setFlagsFromString("--experimental-wasm-relaxed-simd");
}
const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const wasi = new WASI({
  version: "preview1",
  args: [module, ...args],
  env: process.env,
  // Test data is read relative to the package, or by the absolute path that cargo compiled in.
  preopens: { ".": process.cwd(), [checkout]: checkout },
});
const compiled = await WebAssembly.compile(await readFile(module));
const instance = await WebAssembly.instantiate(compiled, wasi.getImportObject());
// A panic is a trap here: it throws, and Node ends with status 1.
process.exitCode = wasi.start(instance);
