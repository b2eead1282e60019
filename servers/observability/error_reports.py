"""Errors of ours, told to Sentry where the operator wants that (SEED-53): the kind of error, where in the code, and of
which request. Never what people sent: no messages, variables, headers, addresses, queries or paths."""

import atexit
from collections.abc import Mapping, MutableMapping
from typing import Any

from oauth.foundation.request_context import context_of
from servers.observability.version import VERSION

_SECONDS_TO_SEND_WHAT_IS_LEFT = 2.0


class ErrorReports:
    """dsn: from the settings of a Sentry project, or of anything that speaks its protocol."""

    def __init__(self, dsn: str) -> None:
        from sentry_sdk import Client  # noqa: PLC0415 - a tenth of a second, for those alone who want it

        # A client of our own: Sentry's global one, and what it hooks into everywhere, belong to the operator's code.
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
        atexit.register(self._client.close, timeout=_SECONDS_TO_SEND_WHAT_IS_LEFT)

    def report(self, error: BaseException, scope: MutableMapping[str, Any] | None) -> None:
        """Send it, in the background. scope: of the request that was being served, if one was."""
        from sentry_sdk.utils import event_from_exception  # noqa: PLC0415 - as above

        event, _ = event_from_exception(error, client_options=self._client.options)
        for exception in event.get("exception", {}).get("values", ()):
            exception["value"] = ""  # a message may quote what somebody sent
        if scope is not None:
            event["tags"] = {"request_id": context_of(scope).request_id, "route": _route(scope)}
            user_id = scope.get("state", {}).get("user_id")
            if user_id is not None:
                event["user"] = {"id": user_id}
        self._client.capture_event(event)


def _route(scope: Mapping[str, Any]) -> str:
    """As it is written in the code: what stands in a path of somebody's may be personal."""
    return str(getattr(scope.get("route"), "path", ""))
