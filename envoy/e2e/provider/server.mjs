// The issuer's HTTP server: notes when it is asked for metadata and keys, and answers as it is told.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGES = {
  '/.well-known/openid-configuration': 'metadata',
  '/.well-known/oauth-authorization-server': 'metadata',
  '/jwks': 'keys',
};

/** Ways to answer; each is called with the request, the response, a number, and the issuer. */
const ANSWERS = {
  /** As the issuer itself does. */
  well: (request, response, _, issuer) => issuer.handle(request, response),
  /** The same after so many milliseconds, by the keys of the moment when it was asked. */
  slow: async (request, response, milliseconds, issuer) => {
    const handle = issuer.handle;
    await sleep(milliseconds);
    handle(request, response);
  },
  /** Another status. */
  status: (_, response, status) => response.writeHead(status).end('{"keys":[]}'),
  /** The page of a proxy in between. */
  html: (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in</p>'),
  /** Good JSON of so many bytes and some more. */
  huge: (_, response, bytes) => json(response, { keys: [], padding: 'x'.repeat(bytes) }),
  /** A set with no key that anybody could use. */
  unusable: (_, response) => json(response, { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }),
  /** A good set of another issuer's. */
  lacking: (_, response) => json(response, { keys: [FOREIGN] }),
  /** Good metadata of another issuer's. */
  foreign: (_, response) =>
    json(response, { issuer: 'https://other.example', jwks_uri: 'https://other.example/jwks' }),
  /** A head, half of a body, and the end of the connection. */
  broken: (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"keys":[');
    setImmediate(() => response.destroy());
  },
};

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const FOREIGN = { ...publicKey.export({ format: 'jwk' }), kid: 'foreign', alg: 'RS256' };

function json(response, value) {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A server on 127.0.0.1 that can be stopped and started again on the same port. */
export class Server {
  /** When each was asked for, in milliseconds since the Unix epoch. */
  asked = { metadata: [], keys: [] };
  #issuer;
  #tls;
  #server;
  #port;
  #maxAge;
  #answers = { metadata: { how: 'well' }, keys: { how: 'well' } };

  /**
   * @param {number} port 0 for a free one
   * @param {object} [tls] key and certificate; without them, plain HTTP is spoken
   * @param {number} [maxAge] seconds that the set may be kept, told in `cache-control`
   */
  constructor(port, tls, maxAge) {
    this.#port = port;
    this.#tls = tls;
    this.#maxAge = maxAge;
  }

  get port() {
    return this.#port;
  }

  /** Chooses the issuer, whose name may need the port. */
  set issuer(issuer) {
    this.#issuer = issuer;
  }

  /** Chooses the answers for `metadata` or `keys` from now on. */
  answer(page, how, number) {
    if (!(page in this.#answers) || !(how in ANSWERS)) throw new Error(`no ${page} or ${how}`);
    this.#answers[page] = { how, number };
  }

  async start() {
    const listener = (request, response) => this.#handle(request, response);
    this.#server = this.#tls
      ? https.createServer(this.#tls, listener)
      : http.createServer(listener);
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  async stop() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #handle(request, response) {
    const page = PAGES[request.url.split('?')[0]];
    // The client's own look-ups are none of the gate's: not noted, and never disturbed.
    const isClient = request.headers['user-agent']?.startsWith('openid-client');
    if (!page || isClient) return this.#issuer.handle(request, response);
    this.asked[page].push(Date.now());
    if (page === 'keys' && this.#maxAge !== undefined) {
      response.setHeader('cache-control', `public, max-age=${this.#maxAge}`);
    }
    const { how, number } = this.#answers[page];
    return ANSWERS[how](request, response, number, this.#issuer);
  }
}
