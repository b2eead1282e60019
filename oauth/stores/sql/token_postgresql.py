"""The token path on PostgreSQL: one statement reads for all that asked in a turn of the loop, one claims for all.

Each statement is a transaction of its own, and the claim is the gate: whoever loses it reads and decides again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy.dialects.postgresql.asyncpg import dialect

from oauth.database.batching import Batcher
from oauth.database.postgresql import PostgresqlDatabase
from oauth.foundation.credentials import digest
from oauth.foundation.outages import Outage
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.grant_types.decision import Follow, Issue, Redeem, Refuse, Rotate
from oauth.stores.ports import DecideCode, DecideRefresh
from oauth.stores.sql import token_statements
from oauth.stores.sql.rows import Row, Values
from oauth.stores.sql.token_rows import claim_values, joined_code_of, joined_refresh_token_of
from oauth.stores.sql.token_statements import Statement, compile_statement

T = TypeVar("T")

_MOST = 100  # of a batch


class PostgresqlTokenPath:
    """See Grants."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        driver = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped

        def reader(statement: Statement) -> "_Batches[Row]":
            async def read(connection: Any, sought: list[Values]) -> Sequence[Row]:  # noqa: ANN401 - asyncpg has no types
                rows: Sequence[Row] = await connection.fetch(statement.sql, *statement.arrays(sought))
                return rows

            return _Batches(database, read)

        def claimer(statement: Statement) -> "_Batches[bool]":
            async def claim(connection: Any, claims: list[Values]) -> Sequence[bool]:  # noqa: ANN401
                # Of two claims of the same thing in one batch the second is lost; one order for all batches of all
                # nodes, so that they wait for each other's rows rather than deadlock.
                first = {each["claimed"]: each for each in reversed(claims)}
                ordered = [first[claimed] for claimed in sorted(first)]
                won = {row[0] for row in await connection.fetch(statement.sql, *statement.arrays(ordered))}
                return [each is first[each["claimed"]] and each["claimed"] in won for each in claims]

            return _Batches(database, claim)

        self._codes = reader(compile_statement(token_statements.select_codes, driver))
        self._refresh_tokens = reader(compile_statement(token_statements.select_refresh_tokens, driver))
        self._claim_code = claimer(compile_statement(token_statements.claim_codes, driver))
        self._supersede = claimer(compile_statement(token_statements.supersede_many, driver))

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        sought = {"client_id": client_id, "digest": digest(code)}
        while True:
            match decide(*joined_code_of(await self._codes.ask(sought))):
                case Refuse() as refusal:
                    return refusal
                case Redeem(issue) as decision:
                    if await self._claim_code.ask(claim_values(code, decision, now)):
                        return issue

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        presented = token
        while True:
            row = await self._refresh_tokens.ask({"client_id": client_id, "digest": digest(presented)})
            match decide(presented, *joined_refresh_token_of(row)):
                case (Issue() | Refuse()) as decision:
                    return decision
                case Follow(successor):
                    presented = successor
                case Rotate(issue) as decision:
                    if await self._supersede.ask(claim_values(presented, decision, now)):
                        return issue


class _Batches(Generic[T]):
    """Asks one statement for all that is asked in a turn of the loop. `run` answers in the order of the questions."""

    def __init__(
        self, database: PostgresqlDatabase, run: Callable[[Any, list[Values]], Awaitable[Sequence[T]]]
    ) -> None:
        self._database = database
        self._run = run
        self._gatherer: Batcher[tuple[Values, asyncio.Future[T]]] = Batcher(self._start)
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, question: Values) -> T:
        """The answer. StoreUnavailable when the database does not give one."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._gatherer.add((question, future))
        return await future

    def _start(self, asked: list[tuple[Values, asyncio.Future[T]]]) -> None:
        for at in range(0, len(asked), _MOST):
            task = asyncio.get_running_loop().create_task(self._answer(asked[at : at + _MOST]))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer(self, asked: list[tuple[Values, asyncio.Future[T]]]) -> None:
        try:
            async with self._database.connection() as connection:
                answers = await self._run(connection, [question for question, _ in asked])
        except Exception as error:  # noqa: BLE001 - handed to those who asked
            if isinstance(error, Outage) or len(asked) == 1:
                _fail(asked, error)
            else:
                # One of them is at fault: asked one by one, it fails alone.
                for each in asked:
                    await self._answer([each])
        else:
            for (_, future), answer in zip(asked, answers, strict=True):
                if not future.done():  # whoever asked may have gone away
                    future.set_result(answer)


def _fail(asked: list[tuple[Values, asyncio.Future[T]]], error: Exception) -> None:
    for _, future in asked:
        if not future.done():
            future.set_exception(error)
