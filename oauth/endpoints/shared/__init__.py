"""Steps that several endpoints share: bodies, cookies, the calling client, DPoP proofs, limits, responses."""
