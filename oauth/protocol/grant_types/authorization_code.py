"""The authorization code grant (OAuth 2.1 §4.1.3)."""

from datetime import datetime

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import dpop, pkce, resource_indicator
from oauth.protocol.errors import invalid_grant, unauthorized_client
from oauth.protocol.grant_types.decision import CodeDecision, Issue, Redeem, Refuse
from oauth.protocol.models import AuthorizationCode, Client, ClientAuthenticationMethod, GrantType
from oauth.protocol.settings import Settings
from oauth.protocol.token_request import AuthorizationCodeRequest


def decide(
    request: AuthorizationCodeRequest,
    client: Client,
    code: AuthorizationCode | None,
    *,
    refresh_token: str,
    dpop_jkt: str | None = None,
    settings: Settings,
    now: datetime,
) -> CodeDecision:
    """May this code be exchanged, and for what?

    request: as sent, nothing in it trusted. client: authenticated. code: the stored one of that digest, or None.
    refresh_token: the fresh one to issue. dpop_jkt: thumbprint of the key that the client has proven to hold. Never
    wider than the code. A replay revokes only when everything else about it is right (D-7).
    Source: OAuth 2.1 §4.1.3, §7.5.3; RFC 7636 §4.6; RFC 8707 §2.2."""
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        return Refuse(unauthorized_client("The client is not registered for authorization_code."))
    if code is None:
        return Refuse(invalid_grant("The code is unknown or has expired.", reason=ReasonCode.CODE_UNKNOWN))
    if code.grant.client_id != request.client_id:
        return Refuse(invalid_grant("The code was issued to another client.", reason=ReasonCode.CODE_OF_OTHER_CLIENT))
    # OAuth 2.1 §10.2: clients of OAuth 2.0 send it again, and then it has to be the same.
    if request.redirect_uri is not None and request.redirect_uri != code.redirect_uri:
        return Refuse(invalid_grant("redirect_uri differs from the request's.", reason=ReasonCode.REDIRECT_URI_DIFFERS))
    wrong_verifier = pkce.check_code_verifier(request.code_verifier, code.code_challenge)
    if wrong_verifier is not None:
        return Refuse(wrong_verifier)
    wrong_resource = resource_indicator.check_granted(request.resource, code.grant.resource)
    if wrong_resource is not None:
        return Refuse(wrong_resource)
    wrong_key = dpop.check_key(code.dpop_jkt, dpop_jkt)
    if wrong_key is not None:
        return Refuse(wrong_key)
    if client.dpop_bound and dpop_jkt is None:
        return Refuse(dpop.REQUIRED)
    if code.redeemed_at is not None:
        replayed = invalid_grant("The code was used already.", reason=ReasonCode.CODE_REPLAYED)
        # Ours (D-7): this close together it is one client racing itself, and the winner keeps its grant.
        raced = now - code.redeemed_at <= settings.redemption_race
        return Refuse(replayed, revoke=None if raced else code.grant)
    if now >= code.expires_at:
        return Refuse(invalid_grant("The code is unknown or has expired.", reason=ReasonCode.CODE_EXPIRED))
    if code.grant.revoked_at is not None:
        return Refuse(invalid_grant("The grant was revoked.", reason=ReasonCode.GRANT_REVOKED))
    refreshable = GrantType.REFRESH_TOKEN in client.grant_types
    return Redeem(
        Issue(code.grant, code.grant.scope, 0, refresh_token if refreshable else None),
        refresh_token_expires_at=min(now + settings.refresh_token_lifetime, code.grant.expires_at),
        # RFC 9449 §5: a public client's refresh token is bound; another's is by its authentication.
        dpop_jkt=dpop_jkt if client.authentication_method is ClientAuthenticationMethod.NONE else None,
    )
