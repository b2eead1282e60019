// A client that takes every word of the RFCs at its word: oauth4webapi.
//
// node oauth4webapi.mjs <issuer> <JSON: {resource, client, secret?, key?, par?, dpop?, machine?}>
// Standard output, one JSON value a line: {"visit": url} unless it is a machine, then {"done": …}.
// Standard input: the URL that the browser was sent to.

import { createInterface } from "node:readline";
import * as oauth from "oauth4webapi";

const [issuerUrl, given] = process.argv.slice(2);
const asked = JSON.parse(given);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const insecure = { [oauth.allowInsecureRequests]: true };

const issuer = new URL(issuerUrl);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure }),
);
const client = { client_id: asked.client };
const auth = await (async () => {
  if (asked.key) {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", asked.key, algorithm, false, ["sign"]);
    return oauth.PrivateKeyJwt({ key, kid: asked.key.kid });
  }
  if (asked.secret) return asked.post ? oauth.ClientSecretPost(asked.secret) : oauth.ClientSecretBasic(asked.secret);
  return oauth.None();
})();
const DPoP = asked.dpop ? oauth.DPoP(client, await oauth.generateKeyPair("ES256")) : undefined;
const options = { ...insecure, DPoP };

// A nonce that the server asks for comes with its first refusal, and the request is repeated (RFC 9449 §8).
const twice = async (attempt) => {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return attempt();
  }
};

const valid = async (token) => {
  const headers = new Headers({ authorization: `${token.token_type === "dpop" ? "DPoP" : "Bearer"} ${token.access_token}` });
  if (DPoP) {
    await DPoP.addProof(new URL(asked.resource), headers, "GET", token.access_token);
  }
  const request = new Request(asked.resource, { headers });
  return oauth.validateJwtAccessToken(as, request, asked.resource, { ...insecure, requireDPoP: Boolean(DPoP) });
};

if (asked.machine) {
  const parameters = new URLSearchParams({ resource: asked.resource, scope: asked.machine });
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, options);
  const token = await oauth.processClientCredentialsResponse(as, client, response);
  say({ done: { claims: await valid(token), scope: token.scope } });
  process.exit(0);
}

const redirect = "http://127.0.0.1:33418/callback";
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const request = new URLSearchParams({
  client_id: asked.client,
  redirect_uri: redirect,
  response_type: "code",
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  resource: asked.resource,
  scope: "mcp:read offline_access",
});
const url = new URL(as.authorization_endpoint);
if (asked.par) {
  const pushed = await twice(async () =>
    oauth.processPushedAuthorizationResponse(
      as,
      client,
      await oauth.pushedAuthorizationRequest(as, client, auth, request, options),
    ),
  );
  url.search = new URLSearchParams({ client_id: asked.client, request_uri: pushed.request_uri });
} else {
  url.search = request;
}
say({ visit: url.href });

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const answer = oauth.validateAuthResponse(as, client, new URL((await heard.next()).value), state);
const first = await twice(async () =>
  oauth.processAuthorizationCodeResponse(
    as,
    client,
    await oauth.authorizationCodeGrantRequest(as, client, auth, answer, redirect, verifier, {
      ...options,
      additionalParameters: { resource: asked.resource },
    }),
  ),
);
const second = await twice(async () =>
  oauth.processRefreshTokenResponse(
    as,
    client,
    await oauth.refreshTokenGrantRequest(as, client, auth, first.refresh_token, options),
  ),
);
const claims = await valid(second);
let introspected;
if (asked.secret || asked.key) {
  const response = await oauth.introspectionRequest(as, client, auth, second.access_token, insecure);
  introspected = await oauth.processIntrospectionResponse(as, client, response);
}
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, second.refresh_token, insecure));
let refused;
try {
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, second.refresh_token, options);
  await oauth.processRefreshTokenResponse(as, client, response);
} catch (error) {
  refused = error.error;
}
say({ done: { claims, token_type: second.token_type, introspected, refused } });
