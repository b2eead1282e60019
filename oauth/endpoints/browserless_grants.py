"""Grants that no browser takes part in: a machine for itself, and a client with an identity provider's word.

jkt: thumbprint of the key that the client has proven to hold."""

from dataclasses import replace
from datetime import datetime

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.foundation import credentials
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import RequestContext
from oauth.foundation.vocabulary import GrantId, Step, Subject
from oauth.jose import jws
from oauth.protocol import dpop, identity_assertion
from oauth.protocol.clients import authentication as client_authentication
from oauth.protocol.clients.authentication import PresentedClient
from oauth.protocol.errors import OAuthError, invalid_client, invalid_grant, unsupported_grant_type
from oauth.protocol.grant_types import client_credentials
from oauth.protocol.grant_types import identity_assertion as identity_assertion_grant
from oauth.protocol.grant_types.decision import Issue, Refuse
from oauth.protocol.identity_assertion import IdentityAssertion
from oauth.protocol.models import Client, Grant
from oauth.protocol.resources import Resource
from oauth.protocol.token_request import ClientCredentialsRequest, IdentityAssertionRequest


async def for_itself(
    asked: ClientCredentialsRequest,
    presented: PresentedClient,
    jkt: str | None,
    context: RequestContext,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    """grant_type=client_credentials."""
    client = await _client(presented, jkt, server)
    if isinstance(client, OAuthError):
        return Refuse(client)
    grant = client_credentials.decide(
        asked,
        client,
        server.resources,
        grant_id=_new_grant_id(server),
        now=now,
        lifetime=server.settings.access_token_lifetime,
    )
    return Refuse(grant) if isinstance(grant, OAuthError) else await _kept(grant, context, server)


async def with_assertion(
    asked: IdentityAssertionRequest,
    presented: PresentedClient,
    jkt: str | None,
    context: RequestContext,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    """grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer."""
    if not server.settings.trusted_issuers:
        return Refuse(unsupported_grant_type("Nobody's assertions count here."))
    client = await _client(presented, jkt, server)
    if isinstance(client, OAuthError):
        return Refuse(client)
    asserted = await _asserted(asked, client, server, now)
    if isinstance(asserted, OAuthError):
        return Refuse(asserted)
    granted = identity_assertion.narrow_scope(asserted, asked.scope, asked.resource)
    if isinstance(granted, OAuthError):
        return Refuse(granted)
    subject = await server.store.people.linked_subject(asserted.issuer, asserted.subject)
    if subject is None:
        return Refuse(_NOT_LINKED)
    barred = await _check_person(subject, asserted.resource, server)
    if barred is not None:
        return Refuse(barred)
    # Last, so that nothing but a good request spends it (STD-219).
    if not await throttle.is_first(asserted.known_as, asserted.remembered_until, server):
        return Refuse(_REPLAYED)
    grant = identity_assertion_grant.grant_of(
        asserted,
        client,
        subject,
        granted,
        grant_id=_new_grant_id(server),
        now=now,
        lifetime=server.settings.access_token_lifetime,
    )
    return await _kept(grant, context, server)


async def _client(presented: PresentedClient, jkt: str | None, server: AuthorizationServer) -> Client | OAuthError:
    """Who asks, with its key where it is held to one (RFC 9449 §5.2)."""
    client = client_authentication.authenticate(await server.store.clients.get(presented.client_id), presented)
    if isinstance(client, Client) and client.dpop_bound and jkt is None:
        return dpop.REQUIRED
    return client


async def _asserted(
    asked: IdentityAssertionRequest, client: Client, server: AuthorizationServer, now: datetime
) -> IdentityAssertion | OAuthError:
    named = identity_assertion.issuer_of(asked.assertion)
    trusted = next((each for each in server.settings.trusted_issuers if each.issuer == named), None)
    if trusted is None:
        return invalid_grant("The identity assertion is not good.", reason=ReasonCode.IDENTITY_ASSERTION_ISSUER_UNKNOWN)
    wrong = identity_assertion_grant.check_client(client, trusted)
    if wrong is not None:
        return wrong
    token = jws.read(asked.assertion)
    keys = await server.issuer_keys[trusted.issuer].of(None if isinstance(token, str) else token.kid)
    return identity_assertion.check(
        asked.assertion, client, trusted, keys, server.settings.issuer, server.resources, now
    )


async def _check_person(subject: Subject, resource: Resource, server: AuthorizationServer) -> OAuthError | None:
    """What everybody is asked at a refresh as well (D-13, D-14)."""
    standing = await server.resource_owners.standing(subject)
    if not standing.active or not resource.admits(standing.role):
        return invalid_grant("The person may not use this resource.", reason=ReasonCode.RESOURCE_OWNER_NOT_PERMITTED)
    if not resource.is_assured("", has_factor=standing.has_factor):
        return invalid_grant("This needs a sign-in with a second factor.", reason=ReasonCode.SECOND_FACTOR_REQUIRED)
    return None


async def _kept(new: Grant, context: RequestContext, server: AuthorizationServer) -> Issue | Refuse:
    grant = replace(new, flow_id=server.flow_recorder.flow_of(context, Step.TOKEN_ISSUED, new.client_id))
    if not await server.store.grants.add(grant):
        return Refuse(invalid_client("The client has been switched off here.", reason=ReasonCode.CLIENT_DISABLED))
    return Issue(grant, grant.scope, 0, None)


def _new_grant_id(server: AuthorizationServer) -> GrantId:
    return GrantId(credentials.new_secret("gr_", server.entropy))


_NOT_LINKED = invalid_grant(
    "This server does not know who the person is: they have to sign in here once, or be linked by the operator.",
    reason=ReasonCode.SUBJECT_NOT_LINKED,
)
_REPLAYED = invalid_grant("The identity assertion was used before.", reason=ReasonCode.IDENTITY_ASSERTION_REPLAYED)
