"""For resource servers elsewhere: our access tokens, checked with nothing but the issuer's public keys (RFC 9068 §4).

    verifier = JWKSTokenVerifier(issuer="https://mcp.example.com", resource="https://tools.example.com/mcp")
    server = FastMCP("Tools", auth=RemoteAuthProvider(verifier, ["https://mcp.example.com"], "https://tools.example.com"))

What ends before a token expires (a revocation, a ban) is not known there; whoever has to know it asks at /introspect
(RFC 7662)."""

from dataclasses import replace
from datetime import datetime

from fastmcp.server.auth import AccessToken as FastMCPAccessToken
from fastmcp.server.auth import TokenVerifier

from mcp_auth import rejection
from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection
from mcp_auth.tokens import bearer, first_party
from mcp_auth.verifier import fastmcp_token, principal_of
from oauth.foundation.clock import Clock, system_clock
from oauth.foundation.reason_codes import ReasonCode
from oauth.jose.jws import VerificationKey
from oauth.remote.fetching import INTERNET, Network
from oauth.remote.issuer_keys import IssuerKeys

_JWKS_PATH = "/.well-known/jwks.json"


class JWKSTokenVerifier(TokenVerifier):
    """Verifies bearer tokens for one resource. issuer: the authorization server, as its metadata names it. resource:
    what its tokens name as their audience, without a trailing slash. jwks_uri: where the issuer's keys are, if not at
    its well-known address; https.

    Keys are kept as long as their server says, and asked for again when a token names another one, every half minute at
    most. Raises Outage when there are none to be had: answer that with 503, not with 401 (D-16)."""

    def __init__(
        self,
        issuer: str,
        resource: str,
        *,
        jwks_uri: str | None = None,
        clock: Clock = system_clock,
        network: Network = INTERNET,
    ) -> None:
        super().__init__()
        self._issuer = issuer
        self._resource = resource
        self._clock = clock
        # The program that runs here names the address, so it may be any.
        anywhere = replace(network, is_public=lambda _: True)
        self._keys = IssuerKeys(issuer, jwks_uri or issuer + _JWKS_PATH, anywhere, clock)

    async def verify(self, token: str) -> Principal | Rejection:
        """The caller that the token proves, with all its scopes. A role is not in it: that is the issuer's affair."""
        unverified = bearer.read(token)
        if isinstance(unverified, Rejection):
            return unverified
        # What no key could help is refused before one is fetched (F-12).
        if unverified.claims.get("iss") != self._issuer:
            return Rejection(ReasonCode.UNKNOWN_ISSUER, rejection.UNKNOWN_ISSUER)
        if unverified.claims.get("aud") != self._resource:
            return Rejection(ReasonCode.WRONG_AUDIENCE, rejection.WRONG_AUDIENCE)
        keys = _Keys(await self._keys.of(unverified.kid))
        checked = first_party.check(unverified, keys, self._clock())
        if isinstance(checked, Rejection):
            return checked
        # RFC 9449 §7.2: a bound token is no bearer token, and no proof reaches this method.
        if checked.jkt is not None:
            return Rejection(ReasonCode.DPOP_TOKEN_AS_BEARER, rejection.KEY_BOUND)
        return principal_of(checked)

    async def verify_token(self, token: str) -> FastMCPAccessToken | None:
        """The same in FastMCP's words."""
        principal = await self.verify(token)
        if isinstance(principal, Rejection):
            return None
        return fastmcp_token(token, principal, self._issuer)


class _Keys:
    """See FirstPartyKeys."""

    def __init__(self, keys: tuple[VerificationKey, ...]) -> None:
        self._keys = {key.kid: key for key in keys}

    def verification_key(self, kid: str | None, _now: datetime) -> VerificationKey | None:
        return self._keys.get(kid)
