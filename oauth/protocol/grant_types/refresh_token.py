"""The refresh token grant (OAuth 2.1 §4.3): rotation always, and a retry is idempotent (D-8)."""

from datetime import datetime

from oauth.foundation import credentials
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import dpop, resource_indicator, scope
from oauth.protocol.errors import OAuthError, invalid_grant, unauthorized_client
from oauth.protocol.grant_types.decision import Follow, Issue, RefreshDecision, Refuse, Rotate
from oauth.protocol.models import Client, ClientAuthenticationMethod, GrantType, RefreshToken
from oauth.protocol.settings import Settings
from oauth.protocol.token_request import RefreshTokenRequest


def decide(
    request: RefreshTokenRequest,
    client: Client,
    presented: str,
    token: RefreshToken | None,
    *,
    successor: str,
    dpop_jkt: str | None = None,
    settings: Settings,
    now: datetime,
) -> RefreshDecision:
    """May this grant be refreshed, and which refresh token does the client hold afterwards?

    presented: the plain token that `token` was found by; it differs from the request's once a `Follow` was taken,
    and then the head is handed out again as it is. successor: the fresh one, for a rotation. dpop_jkt: thumbprint of
    the key that the client has proven to hold.
    A superseded token that is neither a retry nor unanswered ends the grant: two parties hold it (§7.5.3)."""
    if GrantType.REFRESH_TOKEN not in client.grant_types:
        return Refuse(unauthorized_client("The client is not registered for refresh_token."))
    if token is None:
        return Refuse(invalid_grant("The refresh token is unknown or has expired.", ReasonCode.REFRESH_TOKEN_UNKNOWN))
    if token.grant.client_id != request.client_id:
        return Refuse(invalid_grant("The refresh token is another client's.", ReasonCode.REFRESH_TOKEN_OF_OTHER_CLIENT))
    wrong_key = dpop.check_key(token.dpop_jkt, dpop_jkt)
    if wrong_key is not None:
        return Refuse(wrong_key)
    if client.dpop_bound and dpop_jkt is None:
        return Refuse(dpop.REQUIRED)
    wrong_resource = resource_indicator.check_granted(request.resource, token.grant.resource)
    if wrong_resource is not None:
        return Refuse(wrong_resource)
    granted = scope.narrow(request.scope, token.grant.scope)
    if isinstance(granted, OAuthError):
        return Refuse(granted)
    if token.grant.revoked_at is not None:
        return Refuse(invalid_grant("The grant was revoked.", reason=ReasonCode.GRANT_REVOKED))
    # A token that was superseded in time is good for finding the head; how long that lives is the head's affair.
    if now >= token.grant.expires_at or (token.superseded_at is None and now >= token.expires_at):
        return Refuse(invalid_grant("The refresh token is unknown or has expired.", ReasonCode.REFRESH_TOKEN_EXPIRED))
    following = presented != request.refresh_token
    if token.superseded_at is not None:
        retried = now - token.superseded_at <= settings.refresh_retry_window or not token.successor_seen
        head = credentials.unseal_under(presented, token.sealed_successor or b"")
        if head is None or not (retried or following):
            replayed = invalid_grant("The refresh token was used before.", reason=ReasonCode.REFRESH_TOKEN_REPLAYED)
            return Refuse(replayed, revoke=token.grant)
        return Follow(head)
    if following:
        return Issue(token.grant, granted, token.generation, presented)
    return Rotate(
        Issue(token.grant, granted, token.generation + 1, successor),
        refresh_token_expires_at=min(now + settings.refresh_token_lifetime, token.grant.expires_at),
        sealed_successor=credentials.seal_under(presented, successor),
        dpop_jkt=dpop_jkt if client.authentication_method is ClientAuthenticationMethod.NONE else None,
    )
