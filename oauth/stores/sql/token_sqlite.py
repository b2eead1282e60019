"""The token path on SQLite: one function in the writer thread reads, decides, claims and adds.

The claim cannot be lost there, since writers take turns; it is checked all the same."""

import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import dialect

from oauth.database.sqlite import SqliteDatabase
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.grant_types.decision import Follow, Issue, Redeem, Refuse, Rotate
from oauth.stores.ports import DecideCode, DecideRefresh
from oauth.stores.sql import token_statements
from oauth.stores.sql.rows import Values
from oauth.stores.sql.token_rows import claim_values, joined_code_of, joined_refresh_token_of
from oauth.stores.sql.token_statements import Statement, compile_statement


class SqliteTokenPath:
    """See Grants."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        driver = dialect(paramstyle="qmark")
        self._select_code = compile_statement(token_statements.select_code, driver)
        self._select_refresh_token = compile_statement(token_statements.select_refresh_token, driver)
        self._claim_code = compile_statement(token_statements.claim_code, driver)
        self._supersede = compile_statement(token_statements.supersede, driver)
        self._add_refresh_token = compile_statement(token_statements.add_refresh_token, driver)

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        def work(connection: sqlite3.Connection) -> Issue | Refuse:
            sought = {"client_id": client_id, "digest": digest(code)}
            while True:
                match decide(*joined_code_of(_one(connection, self._select_code, sought))):
                    case Refuse() as refusal:
                        return refusal
                    case Redeem(issue) as decision:
                        if self._carry_out(connection, self._claim_code, claim_values(code, decision, now)):
                            return issue

        return await self._database.write_on_driver(work)

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        def work(connection: sqlite3.Connection) -> Issue | Refuse:
            presented = token
            while True:
                sought = {"client_id": client_id, "digest": digest(presented)}
                row = _one(connection, self._select_refresh_token, sought)
                match decide(presented, *joined_refresh_token_of(row)):
                    case (Issue() | Refuse()) as decision:
                        return decision
                    case Follow(successor):
                        presented = successor
                    case Rotate(issue) as decision:
                        if self._carry_out(connection, self._supersede, claim_values(presented, decision, now)):
                            return issue

        return await self._database.write_on_driver(work)

    def _carry_out(self, connection: sqlite3.Connection, claim: Statement, values: Values) -> bool:
        if connection.execute(claim.sql, claim.arguments(values)).rowcount != 1:
            return False
        if values["new_digest"] is not None:
            connection.execute(self._add_refresh_token.sql, self._add_refresh_token.arguments(values))
        return True


def _one(connection: sqlite3.Connection, statement: Statement, values: Values) -> Any:  # noqa: ANN401 - a driver's row
    return connection.execute(statement.sql, statement.arguments(values)).fetchone()
