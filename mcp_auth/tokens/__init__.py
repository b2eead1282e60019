"""Checks on one token: strict parsing, signature and times, audience, revocation, proof of possession.

Pure, except for what Revocations and Possession keep in memory. `mcp_auth.verifier` and `mcp_auth.authentication` call
them in order."""
