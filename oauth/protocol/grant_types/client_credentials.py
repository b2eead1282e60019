"""The client credentials grant (OAuth 2.1 §4.2): a machine acts for itself, and never for a person."""

from datetime import datetime, timedelta

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import OFFLINE_ACCESS, GrantId, Scope, Subject
from oauth.protocol import resource_indicator, scope
from oauth.protocol.errors import OAuthError, invalid_scope, invalid_target, unauthorized_client
from oauth.protocol.models import Client, ClientAuthenticationMethod, Grant, GrantType, Registration
from oauth.protocol.resources import Resource, Resources, effective_scopes
from oauth.protocol.token_request import ClientCredentialsRequest


def decide(
    request: ClientCredentialsRequest,
    client: Client,
    resources: Resources,
    *,
    grant_id: GrantId,
    now: datetime,
    lifetime: timedelta,
) -> Grant | OAuthError:
    """What may the client do by itself?

    client: authenticated. grant_id: of the fresh grant, which lives as long as its one access token. Nobody is asked,
    so the registered scope is a ceiling here. Source: OAuth 2.1 §4.2; the MCP extension for client credentials."""
    # STD-226, STD-229: confidential, and known to the operator.
    if client.registration is not Registration.PREREGISTERED or GrantType.CLIENT_CREDENTIALS not in client.grant_types:
        return unauthorized_client("The client is not registered for client_credentials.")
    if client.authentication_method is ClientAuthenticationMethod.NONE:
        return unauthorized_client(
            "client_credentials is for clients that authenticate.", reason=ReasonCode.PUBLIC_CLIENT
        )
    # STD-228: nothing is implied where nobody is asked.
    if request.resource is None:
        return invalid_target("resource is required.", reason=ReasonCode.RESOURCE_MISSING)
    resource = resource_indicator.resolve(request.resource, resources)
    if isinstance(resource, OAuthError):
        return resource
    if not resource.admits_machines:
        return invalid_target("The resource is for people.", reason=ReasonCode.MACHINE_NOT_ADMITTED)
    granted = _granted(request.scope, client, resource)
    if isinstance(granted, OAuthError):
        return granted
    return Grant(
        grant_id=grant_id,
        subject=Subject(client.client_id),
        client_id=client.client_id,
        resource=resource.identifier,
        scope=granted,
        auth_time=now,
        acr="",
        created_at=now,
        expires_at=now + lifetime,
    )


def _granted(requested: str | None, client: Client, resource: Resource) -> frozenset[Scope] | OAuthError:
    here = frozenset(client.scope & resource.scopes.keys())
    asked = here if requested is None else scope.parse(requested)
    if isinstance(asked, OAuthError):
        return asked
    # Clients of libraries add it by habit; there is no refresh token to be had.
    asked -= {OFFLINE_ACCESS}
    if not asked:
        return invalid_scope(
            "The client is registered for no scope of the resource.", reason=ReasonCode.SCOPE_NOT_REGISTERED
        )
    if not asked <= effective_scopes(here):
        return invalid_scope("The client is not registered for this scope.", reason=ReasonCode.SCOPE_NOT_REGISTERED)
    return asked
