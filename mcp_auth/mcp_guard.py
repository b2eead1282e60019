"""Bearer authentication in front of an ASGI application: the challenge, the refusal, the outage (D-15, D-16).

Pure ASGI, because it stands on the hot path."""

import json
from collections.abc import Awaitable, Callable

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_auth import challenge
from mcp_auth.principal import Principal, set_current_principal
from mcp_auth.rejection import Rejection, failure_of
from mcp_auth.tokens.possession import Possession
from oauth.foundation import request_context
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage
from oauth.protocol.resources import Resource, covers
from oauth.protocol.scope import to_text

log = structlog.get_logger()

Verify = Callable[[str], Awaitable[Principal | Rejection]]
# Told of each request that is turned away, with the reason where a token was sent.
Notice = Callable[[Scope, Resource, Rejection | None], None]


def _nobody(_scope: Scope, _resource: Resource, _rejection: Rejection | None) -> None:
    pass


class BearerGuard:
    """Lets a request through to `app` with the principal set, or answers it.

    verify: of the verifier for the resource. possession: for tokens that are bound to a key. notice:
    told of each request that is turned away. Every request needs the
    resource's baseline scopes."""

    def __init__(
        self, app: ASGIApp, resource: Resource, verify: Verify, possession: Possession, notice: Notice = _nobody
    ) -> None:
        self._app = app
        self._resource = resource
        self._verify = verify
        self._possession = possession
        self._notice = notice

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the scope type `http`."""
        token, proofs = _presented(scope)
        if token is None:
            header = challenge.unauthenticated(self._resource)
            self._notice(scope, self._resource, None)
            await _answer(send, 401, "unauthorized", _NO_TOKEN, [("www-authenticate", header)])
            return
        try:
            principal = await self._verify(token)
        except Outage as outage:
            log.warning("outage", path=scope["path"], failure=failure_of(outage), cause=str(outage))
            self._notice(scope, self._resource, Rejection(outage.reason, _OUTAGE))
            await _answer(send, 503, "temporarily_unavailable", _OUTAGE, [("retry-after", str(RETRY_AFTER_SECONDS))])
            return
        if not isinstance(principal, Rejection) and (proofs is not None or principal.jkt is not None):
            wrong = self._possession.check(principal, token, proofs, scope["method"], scope["path"])
            principal = principal if wrong is None else wrong.of_grant(principal.grant_id)
        if isinstance(principal, Rejection):
            log.info("token_rejected", resource=self._resource.path, reason=principal.reason, failure=principal.failure)
            self._notice(scope, self._resource, principal)
            error, header = challenge.rejected(self._resource, principal)
            headers = [("www-authenticate", header)]
            if proofs is not None:
                headers.append(("www-authenticate", challenge.possession(principal)))
                nonce = self._possession.nonce()
                headers += [("dpop-nonce", nonce)] if nonce is not None else []
            await _answer(send, 401, error, principal.description, headers)
            return
        if not covers(principal.scopes, self._resource.baseline):
            needed = self._resource.baseline
            log.info(
                "scope_insufficient", resource=self._resource.path, needed=to_text(needed), subject=principal.subject
            )
            too_little = Rejection("scope_insufficient", _SCOPE, grant_id=principal.grant_id)
            self._notice(scope, self._resource, too_little)
            header = challenge.insufficient_scope(self._resource, needed, _SCOPE)
            await _answer(send, 403, "insufficient_scope", _SCOPE, [("www-authenticate", header)])
            return
        set_current_principal(principal)
        request_context.prove(scope, request_context.name(principal.subject, principal.client_id))
        await self._app(scope, receive, send)


def _presented(scope: Scope) -> tuple[str | None, list[str] | None]:
    """The token of the one Authorization header (RFC 6750 §2.1, RFC 9449 §7.1), and the DPoP headers if it came with
    that scheme. Query and body are not looked at (STD-12, STD-70)."""
    found: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if found is not None:
                return None, None
            found = value
    if found is None:
        return None, None
    if found[:7].lower() == b"bearer ":
        return found[7:].strip().decode("latin-1") or None, None
    if found[:5].lower() == b"dpop ":
        proofs = [value.decode("latin-1") for name, value in scope["headers"] if name == b"dpop"]
        return found[5:].strip().decode("latin-1") or None, proofs
    return None, None


async def _answer(send: Send, status: int, error: str, description: str, extra: list[tuple[str, str]]) -> None:
    body = json.dumps({"error": error, "error_description": description}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in extra),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_NO_TOKEN = "An access token is required: send it in the Authorization header."  # noqa: S105 - a sentence
_SCOPE = "The access token lacks scope for this resource."
_OUTAGE = "The server cannot check access tokens right now. Repeat the request in a few seconds."
