"""Strict reading of what others sign: JSON, JWS, JWK sets (RFC 7515, RFC 7517).

Pure. Which claims a token needs is up to the caller. Imports nothing but `oauth.foundation`."""
