"""What is known of one HTTP request beyond its bytes: one typed object in the ASGI scope.

The edge creates it. Endpoints, guards and the log read it, and add what they learn. An application that runs without
our edge gets an empty one on first use."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from oauth.foundation.vocabulary import ClientId, Step, Subject

_KEY = "mcp_auth.request_context"


@dataclass(slots=True)
class RequestContext:
    """One request.

    request_id: the id in the log and in `X-Request-ID`; empty without an edge.
    client_address: IP address of the caller, as trusted proxies report it; empty where there is none.
    client_network: the part of that address that limits count by.
    step: the step of connecting that a request for its path is, if it is one.
    flow_id: the attempt to connect that the request belongs to, once that is known.
    flow_client_id: the client of that attempt, in a form that may be recorded.
    recorded: step and reason that were recorded last, so that a page repeating a refusal records it once.
    caller: person and client that the Authorization header proved; it will prove the same ones again.
    is_served: an endpoint without bearer token has named whom the request counts for.
    served_caller: that caller; None for a program of the operator's, which has no limit."""

    request_id: str = ""
    client_address: str = ""
    client_network: str = ""
    step: Step | None = None
    flow_id: str | None = None
    flow_client_id: str | None = None
    recorded: tuple[str, str | None] | None = None
    caller: str | None = None
    is_served: bool = False
    served_caller: str | None = None

    def prove(self, subject: Subject, client_id: ClientId | None) -> None:
        """The Authorization header is good, for this person and client."""
        self.caller = _name(subject, client_id)

    def serve(self, subject: Subject, client_id: ClientId | None) -> None:
        """The request counts for this person and client."""
        self.is_served, self.served_caller = True, _name(subject, client_id)

    def serve_uncounted(self) -> None:
        """The request is from a program of the operator's."""
        self.is_served, self.served_caller = True, None


def attach(scope: MutableMapping[str, Any], context: RequestContext) -> None:
    """Put the context of a request into its ASGI scope."""
    scope[_KEY] = context


def context_of(scope: MutableMapping[str, Any]) -> RequestContext:
    """The context of a request, by its ASGI scope; copies of the scope share it."""
    context = scope.get(_KEY)
    if context is None:
        context = scope[_KEY] = RequestContext()
    assert isinstance(context, RequestContext)  # noqa: S101 - for the type checker; nobody else writes the key
    return context


def _name(subject: Subject, client_id: ClientId | None) -> str:
    """The same for all tokens of one person and client: users of a hosted assistant share addresses, not limits."""
    return f"{subject} {client_id or ''}"
