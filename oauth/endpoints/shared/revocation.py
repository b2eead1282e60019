"""Ending grants and tokens: what /revoke, a replay and a changed mind have in common (D-6)."""

from datetime import datetime

import structlog

from oauth.authorization_server import AuthorizationServer
from oauth.protocol.models import Client, Grant, Revocation, RevocationKind

log = structlog.get_logger()


async def revoke_grant(grant: Grant, reason: str, server: AuthorizationServer) -> None:
    """End a grant with all its tokens: here at once, everywhere within seconds."""
    revocation = _revocation(RevocationKind.GRANT, grant.grant_id, server)
    await server.store.grants.revoke(grant.grant_id, revocation)
    server.announce(revocation)
    log.info("grant_revoked", reason=reason, grant_id=grant.grant_id, client_id=grant.client_id, subject=grant.subject)


async def remove_client(client: Client, server: AuthorizationServer) -> None:
    """Forget a client, and end all that it was given."""
    now, until = server.clock(), _matters_until(server)
    for grant_id in await server.store.clients.end(client.client_id, now, until, remove=True):
        server.announce(Revocation(RevocationKind.GRANT, grant_id, now, until))


async def revoke_access_token(token_id: str, server: AuthorizationServer) -> None:
    """End one access token by its jti; its grant lives on."""
    revocation = _revocation(RevocationKind.ACCESS_TOKEN, token_id, server)
    await server.store.revocations.add(revocation)
    server.announce(revocation)
    log.info("access_token_revoked", token_id=token_id)


def _revocation(kind: RevocationKind, value: str, server: AuthorizationServer) -> Revocation:
    return Revocation(kind, value, server.clock(), _matters_until(server))


def _matters_until(server: AuthorizationServer) -> datetime:
    return server.clock() + server.settings.revocations_matter_for
