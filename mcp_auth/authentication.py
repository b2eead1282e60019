"""Bearer authentication as one sequence: token and proofs of possession → Principal or Denial.

The guard of the MCP endpoints and the REST dependencies spell a Denial in their own form; neither decides anything."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import structlog
from starlette.types import Scope

from mcp_auth import challenge, rejection
from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection, failure_of
from mcp_auth.tokens.possession import Possession
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage
from oauth.foundation.reason_codes import Reason
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ErrorCode
from oauth.protocol import dpop
from oauth.protocol.resources import Resource, covers
from oauth.protocol.scope import to_text

log = structlog.get_logger()

Verify: TypeAlias = Callable[[str], Awaitable[Principal | Rejection]]
# Told of every request that is turned away; the rejection is None where no token was sent.
Notice: TypeAlias = Callable[[Scope, Resource, Rejection | None], None]

_DPOP_HEADER = dpop.HEADER.lower().encode()


def ignore_notice(_scope: Scope, _resource: Resource, _rejection: Rejection | None) -> None:
    """A Notice that does nothing."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Authorization header presents.

    token: not verified.
    proofs: the DPoP headers of a token with the DPoP scheme; None with the Bearer scheme."""

    token: str
    proofs: Sequence[str] | None = None


class Unusable(StrEnum):
    """Why the Authorization header presents no token."""

    MISSING = "authorization_missing"
    MALFORMED = "authorization_malformed"
    SCHEME = "authorization_scheme_unknown"


def read_credentials(headers: Iterable[tuple[bytes, bytes]]) -> Credentials | Unusable:
    """The token of the one Authorization header (RFC 6750 §2.1, RFC 9449 §7.1), and its DPoP headers.

    headers: of an ASGI scope. Query and body are not read: RFC 6750 §2.3 and §2.2 are not supported."""
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                return Unusable.MALFORMED
            found = value
    if found is None:
        return Unusable.MISSING
    scheme, _, rest = found.partition(b" ")
    scheme = scheme.lower()
    if not scheme:
        return Unusable.MALFORMED
    if scheme not in {b"bearer", b"dpop"}:
        return Unusable.SCHEME
    token = rest.strip().decode("latin-1")
    if not token:
        return Unusable.MALFORMED
    if scheme == b"bearer":
        return Credentials(token)
    return Credentials(token, [value.decode("latin-1") for name, value in headers if name == _DPOP_HEADER])


@dataclass(frozen=True, slots=True)
class Denial:
    """A request that is turned away.

    status: 401, 403 or 503.
    error: the code of RFC 6750 §3.1, RFC 9470 or RFC 9449; None where no token was presented, and for an outage.
    reason: for the log and `mcp-auth explain`.
    description: a sentence without anything that was sent.
    headers: WWW-Authenticate (one for Bearer, one for DPoP), DPoP-Nonce, Retry-After, as far as they apply."""

    status: int
    error: ErrorCode | None
    reason: Reason | Unusable
    description: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates requests for one resource.

    verify: of the resource's verifier.
    possession: checks tokens that are bound to a key.
    notice: told of every request that is turned away."""

    resource: Resource
    verify: Verify
    possession: Possession
    notice: Notice = ignore_notice

    async def authenticate(self, scope: Scope, presented: Credentials | Unusable) -> Principal | Denial:
        """The caller, who has the baseline scopes of the resource. Logs and notices every denial; never raises Outage.

        scope: ASGI's, of a request or a WebSocket. presented: as of `read_credentials`."""
        if isinstance(presented, Unusable):
            return self._challenge(scope, presented)
        try:
            verified = await self.verify(presented.token)
        except Outage as outage:
            return self._postpone(scope, outage)
        outcome = self._check_possession(scope, verified, presented)
        if isinstance(outcome, Rejection):
            return self._reject(scope, outcome, presented)
        if not covers(outcome.scopes, self.resource.baseline):
            return self._require_scope(scope, outcome)
        context_of(scope).prove(outcome.subject, outcome.client_id)
        return outcome

    def _check_possession(
        self, scope: Scope, verified: Principal | Rejection, presented: Credentials
    ) -> Principal | Rejection:
        if isinstance(verified, Rejection) or (presented.proofs is None and verified.jkt is None):
            return verified
        # RFC 6455 §4.1: a WebSocket opens with a GET.
        method = scope.get("method", "GET")
        wrong = self.possession.check(verified, presented.token, presented.proofs, method, scope["path"])
        return verified if wrong is None else wrong.with_grant_id(verified.grant_id)

    def _challenge(self, scope: Scope, unusable: Unusable) -> Denial:
        self.notice(scope, self.resource, None)
        header = challenge.bearer_challenge(self.resource)
        return Denial(401, None, unusable, _NO_TOKEN, (("WWW-Authenticate", header),))

    def _postpone(self, scope: Scope, outage: Outage) -> Denial:
        log.warning("outage", path=scope["path"], failure=failure_of(outage), cause=str(outage))
        self.notice(scope, self.resource, Rejection(outage.reason, _OUTAGE))
        return Denial(503, None, outage.reason, _OUTAGE, (("Retry-After", str(RETRY_AFTER_SECONDS)),))

    def _reject(self, scope: Scope, refused: Rejection, presented: Credentials) -> Denial:
        log.info("token_rejected", resource=self.resource.path, reason=refused.reason, failure=refused.failure)
        self.notice(scope, self.resource, refused)
        error, header = challenge.rejection_challenge(self.resource, refused)
        headers = [("WWW-Authenticate", header)]
        if presented.proofs is not None:
            headers.append(("WWW-Authenticate", challenge.dpop_challenge(refused)))
            nonce = self.possession.nonce()
            headers += [] if nonce is None else [("DPoP-Nonce", nonce)]
        return Denial(401, error, refused.reason, refused.description, tuple(headers))

    def _require_scope(self, scope: Scope, principal: Principal) -> Denial:
        needed = self.resource.baseline
        log.info("scope_insufficient", resource=self.resource.path, needed=to_text(needed), subject=principal.subject)
        too_little = rejection.SCOPE_INSUFFICIENT.with_grant_id(principal.grant_id)
        self.notice(scope, self.resource, too_little)
        header = challenge.insufficient_scope_challenge(self.resource, needed, too_little.description)
        return Denial(
            403,
            ErrorCode.INSUFFICIENT_SCOPE,
            too_little.reason,
            too_little.description,
            (("WWW-Authenticate", header),),
        )


_NO_TOKEN = "An access token is required: send it in the Authorization header."  # noqa: S105 - a sentence
_OUTAGE = "The server cannot check access tokens right now. Repeat the request in a few seconds."
