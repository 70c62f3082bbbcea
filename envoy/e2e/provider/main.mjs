// An identity provider in the hands of a test: each line on standard input is a command in JSON,
// each line on standard output its answer. The first line out tells that it listens. It ends with
// its standard input, so that it never outlives the test.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { tokens } from './client.mjs';
import { Issuer } from './issuer.mjs';
import { Server } from './server.mjs';

const { values: options } = parseArgs({
  options: {
    // The issuer's name; by default the address that it listens on.
    issuer: { type: 'string' },
    port: { type: 'string', default: '0' },
    // Files with the key, the certificate, and the certificate that signed it.
    key: { type: 'string' },
    cert: { type: 'string' },
    ca: { type: 'string' },
    'max-age': { type: 'string' },
  },
});

const read = (file) => file && readFileSync(file);
const tls = options.key && { key: read(options.key), cert: read(options.cert) };
const maxAge = options['max-age'] && Number(options['max-age']);
const server = new Server(Number(options.port), tls, maxAge);
await server.start();
const issuer = await Issuer.create(options.issuer ?? `http://127.0.0.1:${server.port}`);
server.issuer = issuer;

const COMMANDS = {
  tokens: ({ count }) => tokens(issuer.name, server.port, read(options.ca), count),
  announce: () => issuer.announce(),
  promote: () => issuer.promote(),
  rotate: () => issuer.rotate(),
  withdraw: () => issuer.withdraw(),
  start: () => server.start(),
  stop: () => server.stop(),
  answer: ({ page, how, number }) => server.answer(page, how, number),
  asked: () => server.asked,
};

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// oidc-provider tells on both channels what a production server should not do.
console.log = console.info = console.error;
say({ issuer: issuer.name, port: server.port, kid: issuer.kid });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    say({ ok: (await COMMANDS[command.do](command)) ?? null });
  } catch (error) {
    say({ error: String(error.cause ?? error) });
  }
}
process.exit(0);
