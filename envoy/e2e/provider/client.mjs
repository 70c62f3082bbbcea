// The client: gets access tokens as any service would, by discovery and the client credentials
// grant (RFC 6749 section 4.4).

import * as https from 'node:https';
import * as client from 'openid-client';
import { AUDIENCE, CLIENT } from './issuer.mjs';

/**
 * Gets tokens from the issuer.
 *
 * @param {string} issuer the issuer's name, whose metadata is looked up first
 * @param {number} port where it listens on 127.0.0.1, whatever its name says
 * @param {Buffer} [ca] the certificate that its own must come from; without it, plain HTTP is spoken
 * @param {number} count how many
 */
export async function tokens(issuer, port, ca, count) {
  const options = ca
    ? { [client.customFetch]: (url, request) => fetchOver(port, ca, url, request) }
    : { execute: [client.allowInsecureRequests] };
  const { client_id: id, client_secret: secret } = CLIENT;
  const configuration = await client.discovery(new URL(issuer), id, secret, undefined, options);
  const found = [];
  while (found.length < count) {
    const answer = await client.clientCredentialsGrant(configuration, {
      scope: 'read:hamsters',
      resource: AUDIENCE,
    });
    found.push(answer.access_token);
  }
  return found;
}

// `fetch` cannot be told where a name leads.
function fetchOver(port, ca, url, { method, headers, body }) {
  const { hostname, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, ca, servername: hostname, method };
    const request = https.request(
      { ...options, path: pathname + search, headers: { ...headers, host: hostname } },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status } = response;
          resolve(new Response(Buffer.concat(chunks), { status, headers: response.headers }));
        });
      },
    );
    request.on('error', reject);
    request.end(body?.toString());
  });
}
