"""The grants of the token endpoint that involve no browser: client credentials and identity assertions.

jkt: thumbprint of the key that the client has proven to hold; None where it sent no DPoP proof."""

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


async def grant_client_credentials(
    token_request: ClientCredentialsRequest,
    presented: PresentedClient,
    jkt: str | None,
    context: RequestContext,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    """grant_type=client_credentials."""
    client = await _authenticate_client(presented, jkt, server)
    if isinstance(client, OAuthError):
        return Refuse(client)
    grant = client_credentials.decide(
        token_request,
        client,
        server.resources,
        grant_id=_new_grant_id(server),
        now=now,
        lifetime=server.settings.access_token_lifetime,
    )
    return Refuse(grant) if isinstance(grant, OAuthError) else await _store_grant(grant, context, server)


async def grant_identity_assertion(
    token_request: IdentityAssertionRequest,
    presented: PresentedClient,
    jkt: str | None,
    context: RequestContext,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    """grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer."""
    if not server.settings.trusted_issuers:
        return Refuse(unsupported_grant_type("Identity assertions are not accepted here."))
    client = await _authenticate_client(presented, jkt, server)
    if isinstance(client, OAuthError):
        return Refuse(client)
    assertion = await _validate_assertion(token_request, client, server, now)
    if isinstance(assertion, OAuthError):
        return Refuse(assertion)
    scope = identity_assertion.narrow_scope(assertion, token_request.scope, token_request.resource)
    if isinstance(scope, OAuthError):
        return Refuse(scope)
    subject = await server.store.people.linked_subject(assertion.issuer, assertion.subject)
    if subject is None:
        return Refuse(_NOT_LINKED)
    refusal = await _check_user(subject, assertion.resource, server)
    if refusal is not None:
        return Refuse(refusal)
    # RFC 7523 §3, item 7: an assertion counts once. Checked last, so that only an otherwise good request consumes it.
    if not await throttle.record_first_use(assertion.known_as, assertion.remembered_until, server):
        return Refuse(_REPLAYED)
    grant = identity_assertion_grant.grant_of(
        assertion,
        client,
        subject,
        scope,
        grant_id=_new_grant_id(server),
        now=now,
        lifetime=server.settings.access_token_lifetime,
    )
    return await _store_grant(grant, context, server)


async def _authenticate_client(
    presented: PresentedClient, jkt: str | None, server: AuthorizationServer
) -> Client | OAuthError:
    """The authenticated client. RFC 9449 §5.2: one that registered for bound tokens has to send a DPoP proof."""
    client = client_authentication.authenticate(await server.store.clients.get(presented.client_id), presented)
    if isinstance(client, Client) and client.dpop_bound and jkt is None:
        return dpop.REQUIRED
    return client


async def _validate_assertion(
    token_request: IdentityAssertionRequest, client: Client, server: AuthorizationServer, now: datetime
) -> IdentityAssertion | OAuthError:
    issuer = identity_assertion.issuer_of(token_request.assertion)
    trusted = next((each for each in server.settings.trusted_issuers if each.issuer == issuer), None)
    if trusted is None:
        return invalid_grant("The identity assertion is not good.", reason=ReasonCode.IDENTITY_ASSERTION_ISSUER_UNKNOWN)
    refusal = identity_assertion_grant.check_client(client, trusted)
    if refusal is not None:
        return refusal
    token = jws.read(token_request.assertion)
    keys = await server.issuer_keys[trusted.issuer].of(None if isinstance(token, str) else token.kid)
    return identity_assertion.check(
        token_request.assertion, client, trusted, keys, server.settings.issuer, server.resources, now
    )


async def _check_user(subject: Subject, resource: Resource, server: AuthorizationServer) -> OAuthError | None:
    """The checks of a user that a refresh makes as well (D-13, D-14)."""
    status = await server.resource_owners.standing(subject)
    if not status.active or not resource.admits(status.role):
        return invalid_grant("The person may not use this resource.", reason=ReasonCode.RESOURCE_OWNER_NOT_PERMITTED)
    if not resource.is_assured("", has_factor=status.has_factor):
        return invalid_grant("This needs a sign-in with a second factor.", reason=ReasonCode.SECOND_FACTOR_REQUIRED)
    return None


async def _store_grant(new_grant: Grant, context: RequestContext, server: AuthorizationServer) -> Issue | Refuse:
    flow_id = server.flow_recorder.flow_of(context, Step.TOKEN_ISSUED, new_grant.client_id)
    grant = replace(new_grant, flow_id=flow_id)
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
