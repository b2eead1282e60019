"""What outlives a restart beside the accounts: API keys and signing keys."""

import secrets
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from servers.local_supabase.context import Context
from servers.local_supabase.signing import ES256, SigningKeys, new_key
from servers.local_supabase.tables import kept, signing_keys


async def api_key(connection: AsyncConnection, name: str) -> str:
    """`sb_publishable_…` or `sb_secret_…`, made once."""
    found = (await connection.execute(select(kept.c.value).where(kept.c.name == name))).scalar_one_or_none()
    if found is None:
        found = f"sb_{name}_{secrets.token_urlsafe(24)}"
        await connection.execute(insert(kept).values(name=name, value=found))
    return found


async def load_signing_keys(connection: AsyncConnection) -> SigningKeys:
    """All keys, oldest first; the first one is made here."""
    found = await connection.execute(select(signing_keys.c.jwk).order_by(signing_keys.c.number))
    keys = [row[0] for row in found]
    if not keys:
        keys = [new_key()]
        await connection.execute(insert(signing_keys).values(jwk=keys[0]))
    return SigningKeys(keys)


async def add_signing_key(context: Context, algorithm: str = ES256, *, revoke_others: bool = False) -> dict[str, Any]:
    """Rotate: a new key signs, the others verify, unless they are revoked. → the private JWK.

    ValueError when there are no keys for the algorithm."""
    key = new_key(algorithm)
    async with context.transaction() as connection:
        if revoke_others:
            await connection.execute(delete(signing_keys))
        await connection.execute(insert(signing_keys).values(jwk=key))
    context.keys.add(key, revoke_others=revoke_others)
    return key
