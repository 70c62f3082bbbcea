// The runner that runs the stages in V8: a line for a line, see src/lib.rs.
// Usage: node --no-liftoff --no-wasm-lazy-compilation in-v8.mjs MODULE
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

// V8 takes relaxed SIMD without being asked from 11.4 on.
const [major, minor] = process.versions.v8.split(".").map(Number);
if (major < 11 || (major === 11 && minor < 4)) {
  setFlagsFromString("--experimental-wasm-relaxed-simd");
}
const module = await readFile(process.argv[2]);
if (!WebAssembly.validate(module)) {
  console.log(JSON.stringify({ refused: `V8 ${process.versions.v8} does not know relaxed SIMD` }));
  process.exit();
}
const wasi = new WASI({ version: "preview1" });
const instance = await WebAssembly.instantiate(
  await WebAssembly.compile(module),
  wasi.getImportObject(),
);
wasi.initialize(instance);
const { greeting_address, input, memory, prepare, run } = instance.exports;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const bytes = new TextEncoder().encode((await lines.next()).value);
const room = input(bytes.length);
new Uint8Array(memory.buffer, room, bytes.length).set(bytes);
const length = prepare();
const text = new Uint8Array(memory.buffer, greeting_address(), length);
const greeting = JSON.parse(new TextDecoder().decode(text));
greeting.engine = `V8 ${process.versions.v8} in Node ${process.versions.node}`;
console.log(JSON.stringify(greeting));
for await (const line of lines) {
  const [stage, times] = line.split(" ").map(Number);
  const start = process.hrtime.bigint();
  run(stage, times);
  console.log(String(process.hrtime.bigint() - start));
}
