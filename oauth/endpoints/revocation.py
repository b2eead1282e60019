"""Ending grants and tokens: what /revoke, a replay and a changed mind have in common (D-6)."""

from datetime import timedelta

import structlog

from oauth.authorization_server import AuthorizationServer
from oauth.models import Grant, Revocation, RevocationKind

log = structlog.get_logger()

# A node's clock may be this far behind when it checks an access token that is about to expire.
_CLOCKS_APART = timedelta(minutes=1)


async def revoke_grant(grant: Grant, reason: str, server: AuthorizationServer) -> None:
    """End a grant with all its tokens: here at once, everywhere within seconds."""
    revocation = _revocation(RevocationKind.GRANT, grant.grant_id, server)
    await server.store.revoke_grant(grant.grant_id, revocation)
    server.announce(revocation)
    log.info("grant_revoked", reason=reason, grant_id=grant.grant_id, client_id=grant.client_id, subject=grant.subject)


async def revoke_access_token(token_id: str, server: AuthorizationServer) -> None:
    """End one access token by its jti; its grant lives on."""
    revocation = _revocation(RevocationKind.ACCESS_TOKEN, token_id, server)
    await server.store.add_revocation(revocation)
    server.announce(revocation)
    log.info("access_token_revoked", token_id=token_id)


def _revocation(kind: RevocationKind, value: str, server: AuthorizationServer) -> Revocation:
    now = server.clock()
    return Revocation(kind, value, now, now + server.settings.access_token_lifetime + _CLOCKS_APART)
