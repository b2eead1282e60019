"""Bearer authentication in front of an ASGI application: the challenge, the refusal, the outage (D-15, D-16).

Pure ASGI, because it stands on the hot path."""

import json
from collections.abc import Awaitable, Callable

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_auth import challenge
from mcp_auth.principal import Principal, set_current_principal
from mcp_auth.rejection import Rejection, failure_of
from oauth.outages import RETRY_AFTER_SECONDS, Outage
from oauth.resources import Resource, covers
from oauth.scope import to_text

log = structlog.get_logger()

Verify = Callable[[str], Awaitable[Principal | Rejection]]


class BearerGuard:
    """Lets a request through to `app` with the principal set, or answers it.

    verify: of the verifier for the resource. Every request needs the resource's baseline scopes."""

    def __init__(self, app: ASGIApp, resource: Resource, verify: Verify) -> None:
        self._app = app
        self._resource = resource
        self._verify = verify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the scope type `http`."""
        token = _bearer_token(scope)
        if token is None:
            await self._refuse(send, 401, challenge.unauthenticated(self._resource), "unauthorized", _NO_TOKEN)
            return
        try:
            principal = await self._verify(token)
        except Outage as outage:
            log.warning("outage", path=scope["path"], failure=failure_of(outage), cause=str(outage))
            await _answer(send, 503, "temporarily_unavailable", _OUTAGE, ("retry-after", str(RETRY_AFTER_SECONDS)))
            return
        if isinstance(principal, Rejection):
            log.info("token_rejected", resource=self._resource.path, reason=principal.reason, failure=principal.failure)
            error, header = challenge.rejected(self._resource, principal)
            await self._refuse(send, 401, header, error, principal.description)
            return
        if not covers(principal.scopes, self._resource.baseline):
            needed = self._resource.baseline
            log.info(
                "scope_insufficient", resource=self._resource.path, needed=to_text(needed), subject=principal.subject
            )
            header = challenge.insufficient_scope(self._resource, needed, _SCOPE)
            await self._refuse(send, 403, header, "insufficient_scope", _SCOPE)
            return
        set_current_principal(principal)
        scope.setdefault("state", {})["authenticated"] = True
        await self._app(scope, receive, send)

    async def _refuse(self, send: Send, status: int, header: str, error: str, description: str) -> None:
        await _answer(send, status, error, description, ("www-authenticate", header))


def _bearer_token(scope: Scope) -> str | None:
    """The token of the one Authorization header; RFC 6750 §2.1. Query and body are not looked at (STD-12, STD-70)."""
    found: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if found is not None:
                return None
            found = value
    if found is None or found[:7].lower() != b"bearer ":
        return None
    return found[7:].strip().decode("latin-1") or None


async def _answer(send: Send, status: int, error: str, description: str, header: tuple[str, str]) -> None:
    body = json.dumps({"error": error, "error_description": description}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (header[0].encode(), header[1].encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_NO_TOKEN = "An access token is required: send it in the Authorization header."  # noqa: S105 - a sentence
_SCOPE = "The access token lacks scope for this resource."
_OUTAGE = "The server cannot check access tokens right now. Repeat the request in a few seconds."
