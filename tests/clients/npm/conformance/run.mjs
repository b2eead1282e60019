// The MCP conformance suite, on Node.js 20 as well: node conformance/run.mjs <its arguments>
import { register } from "node:module";

register("./resolve.mjs", import.meta.url);
await import("@modelcontextprotocol/conformance/dist/index.js").catch(async () =>
  import(new URL("../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url).href),
);
