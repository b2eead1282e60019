"""What the statements of the token path yield, and what they are given."""

from datetime import datetime

from oauth.database.timestamps import to_micros
from oauth.foundation.credentials import digest
from oauth.protocol.grant_types.decision import Redeem, Rotate
from oauth.protocol.models import AuthorizationCode, Client, RefreshToken
from oauth.stores.sql.rows import Row, Values, authorization_code_of, client_of, grant_of, refresh_token_of
from oauth.stores.sql.tables import authorization_codes, clients, grants, refresh_tokens

_CLIENT = len(clients.c)
_CODE = _CLIENT + len(authorization_codes.c)
_TOKEN = _CLIENT + len(refresh_tokens.c)
_GRANT = len(grants.c)


def joined_code_of(row: Row) -> tuple[Client | None, AuthorizationCode | None]:
    """Client, code and grant; nulls where there is none."""
    client = client_of(row[:_CLIENT]) if row[0] is not None else None
    if row[_CLIENT] is None:
        return client, None
    return client, authorization_code_of(row[_CLIENT:_CODE], grant_of(row[_CODE : _CODE + _GRANT]))


def joined_refresh_token_of(row: Row) -> tuple[Client | None, RefreshToken | None]:
    """Client, refresh token, grant, and whether the successor is known to have arrived."""
    client = client_of(row[:_CLIENT]) if row[0] is not None else None
    if row[_CLIENT] is None:
        return client, None
    grant = grant_of(row[_TOKEN : _TOKEN + _GRANT])
    return client, refresh_token_of(row[_CLIENT:_TOKEN], grant, successor_seen=bool(row[_TOKEN + _GRANT]))


def claim_values(secret: str, decision: Redeem | Rotate, now: datetime) -> Values:
    """The parameters of a claim, and of the refresh token that comes with it."""
    issue = decision.issue
    return {
        "claimed": digest(secret),
        "now": to_micros(now),
        "sealed": decision.sealed_successor if isinstance(decision, Rotate) else None,
        "new_digest": digest(issue.refresh_token) if issue.refresh_token is not None else None,
        "new_grant_id": issue.grant.grant_id,
        "new_generation": issue.generation,
        "new_expires_at": to_micros(decision.refresh_token_expires_at),
        "new_dpop_jkt": decision.dpop_jkt,
    }
