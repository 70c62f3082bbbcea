// The issuer: oidc-provider with signing keys that can be changed while it runs.

import { randomUUID } from 'node:crypto';
import * as jose from 'jose';
import Provider from 'oidc-provider';

/** What access tokens are for, unless a test says otherwise. */
export const AUDIENCE = 'https://api.test';

/** The one client; its secret is here for everybody to see. */
export const CLIENT = { client_id: 'caller', client_secret: 'not-a-secret-but-long-enough-for-one' };

const SCOPES = ['read:hamsters', 'write:hamsters'];

/** Seconds that an access token is good for; longer than any test. */
const LIFETIME = 600;

async function newKey() {
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
  return { ...(await jose.exportJWK(privateKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
}

/** An OpenID Connect provider under one name, with the keys that it signs by and those it shows. */
export class Issuer {
  #name;
  #keys = [];
  #signing;
  #handle;

  static async create(name) {
    const issuer = new Issuer();
    issuer.#name = name;
    await issuer.rotate();
    return issuer;
  }

  get name() {
    return this.#name;
  }

  /** The name of the key that signs. */
  get kid() {
    return this.#signing;
  }

  /** What answers an HTTP request by the keys of this moment. */
  get handle() {
    return this.#handle;
  }

  /** Shows a new key and goes on signing by the one before; gives its `kid`. */
  async announce() {
    const key = await newKey();
    this.#keys.push(key);
    this.#rebuild();
    return key.kid;
  }

  /** Signs by the newest key that is shown; gives its `kid`. */
  promote() {
    this.#signing = this.#keys.at(-1).kid;
    this.#rebuild();
    return this.#signing;
  }

  /** Shows a new key and signs by it from now on, with no warning to anybody; gives its `kid`. */
  async rotate() {
    await this.announce();
    return this.promote();
  }

  /** Withdraws every key but the one that signs; gives what is left. */
  withdraw() {
    this.#keys = this.#keys.filter(({ kid }) => kid === this.#signing);
    this.#rebuild();
    return this.#signing;
  }

  // oidc-provider takes its keys once. A new one has forgotten what the old one had issued, which
  // is nothing: these tokens speak for themselves.
  #rebuild() {
    const server = {
      audience: AUDIENCE,
      scope: SCOPES.join(' '),
      accessTokenFormat: 'jwt',
      accessTokenTTL: LIFETIME,
      jwt: { sign: { alg: 'RS256', kid: this.#signing } },
    };
    const provider = new Provider(this.#name, {
      jwks: { keys: this.#keys },
      clients: [
        { ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      ],
      scopes: SCOPES,
      ttl: { ClientCredentials: LIFETIME },
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          getResourceServerInfo: () => server,
        },
      },
    });
    this.#handle = provider.callback();
  }
}
