"""Authentication of one request, in one sequence: token and proofs of possession → Principal or Denial.

The guard of the MCP endpoints and the REST dependencies only render a Denial, each in its own form."""

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
# Called for every denied request; the rejection is None if no token was sent.
Notice: TypeAlias = Callable[[Scope, Resource, Rejection | None], None]

_DPOP_HEADER = dpop.HEADER.lower().encode()


def ignore_notice(_scope: Scope, _resource: Resource, _rejection: Rejection | None) -> None:
    """A Notice that does nothing."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The content of the Authorization header.

    token: not verified.
    proofs: the DPoP headers, if the scheme is DPoP; None if it is Bearer."""

    token: str
    proofs: Sequence[str] | None = None


class Unusable(StrEnum):
    """Why no token can be read from the Authorization header."""

    MISSING = "authorization_missing"
    MALFORMED = "authorization_malformed"
    SCHEME = "authorization_scheme_unknown"


def read_credentials(headers: Iterable[tuple[bytes, bytes]]) -> Credentials | Unusable:
    """→ the token of the only Authorization header (RFC 6750 §2.1, RFC 9449 §7.1), with the DPoP headers.

    headers: of an ASGI scope. Query and body are not read: RFC 6750 §2.3 and §2.2 are not supported."""
    header: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if header is not None:
                return Unusable.MALFORMED
            header = value
    if header is None:
        return Unusable.MISSING
    scheme, _, rest = header.partition(b" ")
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
    """The answer to a request that is not authenticated.

    status: 401, 403 or 503.
    error: the code of RFC 6750 §3.1, RFC 9470 §3 or RFC 9449 §7.1; None if no token was sent, and for an outage.
    reason: for the log and `mcp-auth explain`.
    description: a fixed sentence; contains nothing from the request.
    headers: WWW-Authenticate (one for Bearer, one for DPoP), DPoP-Nonce and Retry-After, where they apply."""

    status: int
    error: ErrorCode | None
    reason: Reason | Unusable
    description: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates requests for one resource.

    resource: the one whose tokens are accepted.
    verify: the method of the resource's verifier.
    possession: checks tokens that are bound to a key.
    notice: called for every denied request."""

    resource: Resource
    verify: Verify
    possession: Possession
    notice: Notice = ignore_notice

    async def authenticate(self, scope: Scope, presented: Credentials | Unusable) -> Principal | Denial:
        """→ the caller, whose token has the baseline scopes of the resource. Logs refused tokens and outages, and
        passes every denial to `notice`. Never raises Outage.

        scope: the ASGI scope of a request or a WebSocket.
        presented: the result of `read_credentials`."""
        if isinstance(presented, Unusable):
            return self._deny_missing_token(scope, presented)
        try:
            verified = await self.verify(presented.token)
        except Outage as outage:
            return self._deny_for_outage(scope, outage)
        outcome = self._check_possession(scope, verified, presented)
        if isinstance(outcome, Rejection):
            return self._deny_token(scope, outcome, presented)
        if not covers(outcome.scopes, self.resource.baseline):
            return self._deny_scope(scope, outcome)
        context_of(scope).prove(outcome.subject, outcome.client_id)
        return outcome

    def _check_possession(
        self, scope: Scope, verified: Principal | Rejection, presented: Credentials
    ) -> Principal | Rejection:
        if isinstance(verified, Rejection) or (presented.proofs is None and verified.jkt is None):
            return verified
        # RFC 6455 §4.1: a WebSocket opens with a GET.
        method = scope.get("method", "GET")
        refused = self.possession.check(verified, presented.token, presented.proofs, method, scope["path"])
        return verified if refused is None else refused.with_grant_id(verified.grant_id)

    def _deny_missing_token(self, scope: Scope, unusable: Unusable) -> Denial:
        self.notice(scope, self.resource, None)
        header = challenge.bearer_challenge(self.resource)
        return Denial(401, None, unusable, _NO_TOKEN, (("WWW-Authenticate", header),))

    def _deny_for_outage(self, scope: Scope, outage: Outage) -> Denial:
        log.warning("outage", path=scope["path"], failure=failure_of(outage), cause=str(outage))
        self.notice(scope, self.resource, Rejection(outage.reason, _OUTAGE))
        return Denial(503, None, outage.reason, _OUTAGE, (("Retry-After", str(RETRY_AFTER_SECONDS)),))

    def _deny_token(self, scope: Scope, refused: Rejection, presented: Credentials) -> Denial:
        log.info("token_rejected", resource=self.resource.path, reason=refused.reason, failure=refused.failure)
        self.notice(scope, self.resource, refused)
        error, header = challenge.rejection_challenge(self.resource, refused)
        headers = [("WWW-Authenticate", header)]
        if presented.proofs is not None:
            headers.append(("WWW-Authenticate", challenge.dpop_challenge(refused)))
            nonce = self.possession.nonce()
            headers += [] if nonce is None else [("DPoP-Nonce", nonce)]
        return Denial(401, error, refused.reason, refused.description, tuple(headers))

    def _deny_scope(self, scope: Scope, principal: Principal) -> Denial:
        needed = self.resource.baseline
        log.info("scope_insufficient", resource=self.resource.path, needed=to_text(needed), subject=principal.subject)
        refused = rejection.SCOPE_INSUFFICIENT.with_grant_id(principal.grant_id)
        self.notice(scope, self.resource, refused)
        header = challenge.insufficient_scope_challenge(self.resource, needed, refused.description)
        return Denial(
            403,
            ErrorCode.INSUFFICIENT_SCOPE,
            refused.reason,
            refused.description,
            (("WWW-Authenticate", header),),
        )


_NO_TOKEN = "An access token is required: send it in the Authorization header."  # noqa: S105 - a sentence
_OUTAGE = "The server cannot check access tokens right now. Repeat the request in a few seconds."
