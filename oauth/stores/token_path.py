"""Redeeming a code and rotating a refresh token: read, decide, claim, and decide again if the claim was lost.

The decision is passed in and pure; what is written follows from it. On SQLite all of it is one function in the
writer thread, on PostgreSQL one statement that reads and one that writes."""

import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect

from oauth import credentials
from oauth.grant_types.decision import Follow, Issue, Redeem, Refuse, Rotate
from oauth.models import AuthorizationCode, Client, RefreshToken
from oauth.stores import rows, statements
from oauth.stores.instants import to_micros
from oauth.stores.ports import DecideCode, DecideRefresh
from oauth.stores.postgresql import PostgresqlDatabase
from oauth.stores.rows import Row, Values
from oauth.stores.sqlite import SqliteDatabase
from oauth.stores.statements import Statement, compiled
from oauth.stores.tables import authorization_codes, clients, grants, refresh_tokens
from oauth.vocabulary import ClientId

_CLIENT = len(clients.c)
_CODE = _CLIENT + len(authorization_codes.c)
_TOKEN = _CLIENT + len(refresh_tokens.c)
_GRANT = len(grants.c)


def _read_code(row: Row) -> tuple[Client | None, AuthorizationCode | None]:
    client = rows.client_of(row[:_CLIENT]) if row[0] is not None else None
    if row[_CLIENT] is None:
        return client, None
    return client, rows.authorization_code_of(row[_CLIENT:_CODE], rows.grant_of(row[_CODE : _CODE + _GRANT]))


def _read_refresh_token(row: Row) -> tuple[Client | None, RefreshToken | None]:
    client = rows.client_of(row[:_CLIENT]) if row[0] is not None else None
    if row[_CLIENT] is None:
        return client, None
    grant = rows.grant_of(row[_TOKEN : _TOKEN + _GRANT])
    return client, rows.refresh_token_of(row[_CLIENT:_TOKEN], grant, successor_seen=bool(row[_TOKEN + _GRANT]))


def _claim(secret: str, decision: Redeem | Rotate, now: datetime) -> Values:
    """The parameters of a claim, and of the refresh token that comes with it."""
    issue = decision.issue
    return {
        "claimed": credentials.digest(secret),
        "now": to_micros(now),
        "sealed": decision.sealed_successor if isinstance(decision, Rotate) else None,
        "new_digest": credentials.digest(issue.refresh_token) if issue.refresh_token is not None else None,
        "new_grant_id": issue.grant.grant_id,
        "new_generation": issue.generation,
        "new_expires_at": to_micros(decision.refresh_token_expires_at),
    }


class SqliteTokenPath:
    """The token path in the writer thread. The claim cannot be lost there, and is checked all the same."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        dialect = sqlite_dialect(paramstyle="qmark")
        self._select_code = compiled(statements.select_code, dialect)
        self._select_refresh_token = compiled(statements.select_refresh_token, dialect)
        self._claim_code = compiled(statements.claim_code, dialect)
        self._supersede = compiled(statements.supersede, dialect)
        self._add_refresh_token = compiled(statements.add_refresh_token, dialect)

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """See Store."""

        def work(connection: sqlite3.Connection) -> Issue | Refuse:
            sought = {"client_id": client_id, "digest": credentials.digest(code)}
            while True:
                decision = decide(*_read_code(_one(connection, self._select_code, sought)))
                if isinstance(decision, Refuse):
                    return decision
                if self._carry_out(connection, self._claim_code, _claim(code, decision, now)):
                    return decision.issue

        return await self._database.write_on_driver(work)

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """See Store."""

        def work(connection: sqlite3.Connection) -> Issue | Refuse:
            presented = token
            while True:
                sought = {"client_id": client_id, "digest": credentials.digest(presented)}
                decision = decide(presented, *_read_refresh_token(_one(connection, self._select_refresh_token, sought)))
                match decision:
                    case Issue() | Refuse():
                        return decision
                    case Follow(successor):
                        presented = successor
                    case Rotate(issue):
                        if self._carry_out(connection, self._supersede, _claim(presented, decision, now)):
                            return issue

        return await self._database.write_on_driver(work)

    def _carry_out(self, connection: sqlite3.Connection, claim: Statement, values: Values) -> bool:
        if connection.execute(claim.sql, claim.arguments(values)).fetchone() is None:
            return False
        if values["new_digest"] is not None:
            connection.execute(self._add_refresh_token.sql, self._add_refresh_token.arguments(values))
        return True


class PostgresqlTokenPath:
    """The token path on the bare driver: each statement is a transaction of its own, the claim is the gate."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        self._database = database
        dialect = postgresql_dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
        self._select_code = compiled(statements.select_code, dialect)
        self._select_refresh_token = compiled(statements.select_refresh_token, dialect)
        self._claim_code = compiled(statements.claim_code, dialect)
        self._claim_code_and_add = compiled(statements.claim_code_and_add, dialect)
        self._supersede_and_add = compiled(statements.supersede_and_add, dialect)

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """See Store."""
        sought = {"client_id": client_id, "digest": credentials.digest(code)}
        async with self._database.connection() as connection:
            while True:
                decision = decide(*_read_code(await _fetch(connection, self._select_code, sought)))
                if isinstance(decision, Refuse):
                    return decision
                claim = self._claim_code if decision.issue.refresh_token is None else self._claim_code_and_add
                if await _fetch(connection, claim, _claim(code, decision, now)) is not None:
                    return decision.issue

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """See Store."""
        presented = token
        async with self._database.connection() as connection:
            while True:
                sought = {"client_id": client_id, "digest": credentials.digest(presented)}
                row = await _fetch(connection, self._select_refresh_token, sought)
                decision = decide(presented, *_read_refresh_token(row))
                match decision:
                    case Issue() | Refuse():
                        return decision
                    case Follow(successor):
                        presented = successor
                    case Rotate(issue):
                        values = _claim(presented, decision, now)
                        if await _fetch(connection, self._supersede_and_add, values) is not None:
                            return issue


def _one(connection: sqlite3.Connection, statement: Statement, values: Values) -> Any:  # noqa: ANN401 - a driver's row
    return connection.execute(statement.sql, statement.arguments(values)).fetchone()


async def _fetch(connection: Any, statement: Statement, values: Values) -> Any:  # noqa: ANN401 - a driver's row
    return await connection.fetchrow(statement.sql, *statement.arguments(values))
