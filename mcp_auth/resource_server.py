"""Verify our access tokens in a separate resource server, with the issuer's public keys alone (RFC 9068 §4).

    verifier = JWKSTokenVerifier(issuer="https://mcp.example.com", resource="https://tools.example.com/mcp")
    server = FastMCP("Tools", auth=RemoteAuthProvider(verifier, ["https://mcp.example.com"], "https://tools.example.com"))

Such a server does not learn of revocations and bans before the token expires. Where that matters, it has to ask
/introspect (RFC 7662)."""

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
    """Verifies bearer tokens for one resource.

    issuer: the authorization server, as its metadata names it.
    resource: the audience of the tokens, without a trailing slash.
    jwks_uri: https; where the issuer publishes its keys. Default: `{issuer}/.well-known/jwks.json`.

    Keys are cached for the time that the issuer states. A token with an unknown `kid` triggers a fetch, at most every
    30 s. Raises Outage when no keys are available: answer that with 503, not with 401 (D-16)."""

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
        # The program configures the address, not a client: private addresses are allowed.
        unrestricted = replace(network, is_public=lambda _: True)
        self._keys = IssuerKeys(issuer, jwks_uri or issuer + _JWKS_PATH, unrestricted, clock)

    async def verify(self, token: str) -> Principal | Rejection:
        """→ the caller, with all scopes of the token, or why the token is refused. Raises Outage.

        Tokens carry no role (D-5): the principal of every person has the role `user`."""
        unverified = bearer.read(token)
        if isinstance(unverified, Rejection):
            return unverified
        # Before any fetch: a token for another issuer or audience must not cause outgoing requests.
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
        """As verify, as FastMCP's AccessToken; None for a token that is refused. Raises Outage."""
        principal = await self.verify(token)
        if isinstance(principal, Rejection):
            return None
        return fastmcp_token(token, principal, self._issuer)


class _Keys:
    """FirstPartyKeys over the keys that were fetched."""

    def __init__(self, keys: tuple[VerificationKey, ...]) -> None:
        self._keys = {key.kid: key for key in keys}

    def verification_key(self, kid: str | None, _now: datetime) -> VerificationKey | None:
        return self._keys.get(kid)
