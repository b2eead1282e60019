// A program with the TypeScript SDK: connects, lets its user sign in, calls a tool as often as it is told to.
//
// node connect.mjs <package> <era> <url of the MCP server>
//   <package>  sdk | client      (@modelcontextprotocol/sdk, version 1; @modelcontextprotocol/client, version 2)
//   <era>      legacy | auto | a revision to insist on
// Standard output, one JSON value a line: {"visit": url}, then {"result": …, "refresh_token": …} for each call.
// Standard input, a line each: the URL that the browser was sent to, then anything for a further call.

import { createInterface } from "node:readline";

const [which, era, serverUrl] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = await (which === "sdk"
  ? Promise.all([
      import("@modelcontextprotocol/sdk/client/index.js"),
      import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    ]).then(([a, b]) => ({ ...a, ...b }))
  : import("@modelcontextprotocol/client"));

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const kept = {};

const provider = {
  redirectUrl: "http://127.0.0.1:33418/callback",
  clientMetadata: {
    client_name: "TypeScript SDK",
    redirect_uris: ["http://127.0.0.1:33418/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: (url) => say({ visit: url.href }),
};

const open = () => new StreamableHTTPClientTransport(new URL(serverUrl), { authProvider: provider });
const mode = era === "legacy" || era === "auto" ? era : { pin: era };
const client = () => new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });

const first = open();
try {
  await client().connect(first);
  throw new Error("connected without a token");
} catch (error) {
  if (kept.verifier === undefined) throw error;
}
const answer = new URL((await heard.next()).value).searchParams;
await (which === "sdk" ? first.finishAuth(answer.get("code")) : first.finishAuth(answer));

const connected = client();
await connected.connect(open());
do {
  const result = await connected.callTool({ name: "whoami", arguments: {} });
  say({ result: result.structuredContent, refresh_token: kept.tokens.refresh_token });
} while (!(await heard.next()).done);
await connected.close();
