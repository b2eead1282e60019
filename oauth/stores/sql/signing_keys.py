"""The port SigningKeys in SQL."""

from collections.abc import Sequence

from sqlalchemy import exc, select

from oauth.stores.ports import StoredSigningKey
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.tables import signing_keys


class SqlSigningKeys(SqlPort):
    """See SigningKeys."""

    async def all(self) -> Sequence[StoredSigningKey]:
        found = await self._all(select(signing_keys).order_by(signing_keys.c.number))
        return [rows.signing_key_of(row) for row in found]

    async def add(self, key: StoredSigningKey) -> bool:
        try:
            await self._insert(signing_keys, rows.signing_key_values(key))
        except exc.IntegrityError:
            return False
        return True
