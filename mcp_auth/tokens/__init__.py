"""Checks on one token: strict reading, issuer, audience, revocation, proof of possession.

Pure, except for the memory of revocations. `mcp_auth.verifier` puts them in order."""
