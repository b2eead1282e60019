"""Strict reading of what others sign: base64url, JSON, JWS, JWK sets (RFC 7515, RFC 7517).

Pure. Which claims a token needs is up to the caller. Imports nothing from the project."""
