"""The JWT bearer grant with an identity assertion (RFC 7523 §2.1, ID-JAG §5): the person agreed at their employer."""

from datetime import datetime, timedelta

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import GrantId, Scope, Subject
from oauth.protocol.errors import OAuthError, unauthorized_client
from oauth.protocol.identity_assertion import IdentityAssertion, TrustedIssuer
from oauth.protocol.models import Client, ClientAuthenticationMethod, Grant, GrantType

_ACR = "aal1"  # what is not proven here is not claimed


def check_client(client: Client, trusted: TrustedIssuer) -> OAuthError | None:
    """May the client present assertions of this issuer? (STD-224: a confidential one, unless the operator names it.)"""
    if client.client_id in trusted.clients:
        return None
    if GrantType.JWT_BEARER not in client.grant_types:
        return unauthorized_client("The client is not registered for the JWT bearer grant.")
    if client.authentication_method is ClientAuthenticationMethod.NONE:
        return unauthorized_client(
            "The JWT bearer grant is for clients that authenticate.", reason=ReasonCode.PUBLIC_CLIENT
        )
    return None


def grant_of(
    asserted: IdentityAssertion,
    client: Client,
    subject: Subject,
    granted: frozenset[Scope],
    *,
    grant_id: GrantId,
    now: datetime,
    lifetime: timedelta,
) -> Grant:
    """The grant of one access token: it is not refreshed, the client asks for a new assertion (STD-222)."""
    return Grant(
        grant_id=grant_id,
        subject=subject,
        client_id=client.client_id,
        resource=asserted.resource.identifier,
        scope=granted,
        auth_time=asserted.auth_time,
        acr=_ACR,
        created_at=now,
        expires_at=now + lifetime,
    )
