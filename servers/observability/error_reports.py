"""Reports internal errors to Sentry, where the operator configures it.

A report names the kind of error, the place in the code, and the id, route and local user id of the request. It contains
nothing that callers sent: no messages, variables, headers, addresses, queries or paths."""

import atexit
from collections.abc import Mapping, MutableMapping
from typing import Any

from oauth.foundation.request_context import context_of
from servers.observability.version import VERSION

_FLUSH_SECONDS = 2.0


class ErrorReports:
    """Sends reports to one project.

    dsn: from the settings of a Sentry project, or of a service with the same protocol."""

    def __init__(self, dsn: str) -> None:
        from sentry_sdk import Client  # noqa: PLC0415 - takes 0.1 s, which only its users pay

        # A separate client: Sentry's global client and its hooks are left to the operator's code.
        self._client = Client(
            dsn,
            release=f"mcp-auth@{VERSION}",
            default_integrations=False,
            auto_enabling_integrations=False,
            send_default_pii=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            server_name="",
            auto_session_tracking=False,
            send_client_reports=False,
        )
        atexit.register(self._client.close, timeout=_FLUSH_SECONDS)

    def report(self, error: BaseException, scope: MutableMapping[str, Any] | None) -> None:
        """Send a report in the background.

        scope: of the request that was being served; None without one."""
        from sentry_sdk.utils import event_from_exception  # noqa: PLC0415 - as above

        event, _ = event_from_exception(error, client_options=self._client.options)
        for exception in event.get("exception", {}).get("values", ()):
            exception["value"] = ""  # a message may quote what a caller sent
        if scope is not None:
            event["tags"] = {"request_id": context_of(scope).request_id, "route": _route(scope)}
            user_id = scope.get("state", {}).get("user_id")
            if user_id is not None:
                event["user"] = {"id": user_id}
        self._client.capture_event(event)


def _route(scope: Mapping[str, Any]) -> str:
    """The path of the route as the code declares it, since the path of a request may contain personal data."""
    return str(getattr(scope.get("route"), "path", ""))
