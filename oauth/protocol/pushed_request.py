"""Pushed authorization requests (RFC 9126): what the client sends ahead, and how /authorize finds it again."""

from datetime import timedelta

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import authorization_request
from oauth.protocol.errors import OAuthError, invalid_request
from oauth.protocol.parameters import Parameters

# §2.2 advises a lifetime between 5 and 600 seconds: the browser is on its way already.
LIFETIME = timedelta(seconds=90)
PREFIX = "urn:ietf:params:oauth:request_uri:"


def query_of(parameters: Parameters, client_id: str) -> str | OAuthError:
    """The authorization request in a pushed form, as a query of /authorize."""
    # §2.1: a reference to another request leads nowhere.
    if "request_uri" in parameters:
        return invalid_request("request_uri must not be pushed.", reason=ReasonCode.REQUEST_URI_PUSHED)
    # How the client proves itself is no part of what it asks for.
    return authorization_request.query_of({**parameters, "client_id": client_id})


def secret_of(request_uri: str) -> str | None:
    """The secret in a request_uri of ours; None where it is none."""
    return request_uri.removeprefix(PREFIX) if request_uri.startswith(PREFIX) else None
