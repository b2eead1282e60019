// The same way in with openid-client, on which many Node.js programs are built.
//
// node openid-client.mjs <issuer> <JSON: {resource, client, secret?, post?, par?, dpop?}>; input and output as oauth4webapi.mjs

import { createInterface } from "node:readline";
import * as client from "openid-client";

const [issuerUrl, given] = process.argv.slice(2);
const asked = JSON.parse(given);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

const method = asked.post ? client.ClientSecretPost : client.ClientSecretBasic;
const config = await client.discovery(
  new URL(issuerUrl),
  asked.client,
  undefined,
  asked.secret ? method(asked.secret) : client.None(),
  { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
);
const DPoP = asked.dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) : undefined;

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const parameters = {
  redirect_uri: "http://127.0.0.1:33418/callback",
  scope: "mcp:read offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  resource: asked.resource,
};
const url = asked.par
  ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
  : client.buildAuthorizationUrl(config, parameters);
say({ visit: url.href });

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const back = new URL((await heard.next()).value);
const checks = { pkceCodeVerifier: verifier, expectedState: state };
const first = await client.authorizationCodeGrant(config, back, checks, { resource: asked.resource }, { DPoP });
const second = await client.refreshTokenGrant(config, first.refresh_token, {}, { DPoP });
const introspected = asked.secret ? await client.tokenIntrospection(config, second.access_token) : undefined;
await client.tokenRevocation(config, second.refresh_token);
let refused;
try {
  await client.refreshTokenGrant(config, second.refresh_token, {}, { DPoP });
} catch (error) {
  refused = error.error;
}
say({ done: { token_type: second.token_type, introspected, refused } });
