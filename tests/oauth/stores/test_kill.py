"""A process that is killed while it writes loses nothing that it had acknowledged, and leaves nothing half-done."""

import asyncio
import contextlib
import sqlite3

from sqlalchemy import Connection, select

from oauth.foundation.credentials import digest
from oauth.stores.opening import open_database, store_on
from oauth.stores.sql.tables import authorization_codes, refresh_tokens
from tests.oauth.stores.node import running_node
from tests.oauth.stores.tokens import issued, refresh

# After so many acknowledgements, of eight writers that never pause: at the beginning, and well under way.
KILLED_AFTER = (1, 12, 45, 150)
WRITERS = 8

Acknowledged = list[tuple[str, str | None, str | None]]


def killed(url: str, after: int) -> Acknowledged:
    """What a process said before its end: code, refresh token, its successor, as far as each had come."""
    with running_node(url) as node:
        assert node.hear() == "ready"
        node.tell("issue for ever", times=WRITERS)
        said = [node.hear() for _ in range(after)]
        node.process.kill()
        said += node.hear_the_rest()
    assert node.process.returncode == -9
    return [(code, token, head) for code, token, head in said]


def codes_and_tokens(connection: Connection) -> tuple[dict[bytes, bool], dict[bytes, bool]]:
    """Digests of codes and whether each is redeemed, of refresh tokens and whether each is superseded."""
    codes = connection.execute(select(authorization_codes.c.digest, authorization_codes.c.redeemed_at))
    tokens = connection.execute(select(refresh_tokens.c.digest, refresh_tokens.c.superseded_at))
    return {code: at is not None for code, at in codes}, {token: at is not None for token, at in tokens}


def generations(connection: Connection) -> tuple[dict[str, bool], dict[str, list[bool]]]:
    """The same by grant: is its code redeemed, are its refresh tokens superseded?"""
    codes = connection.execute(select(authorization_codes.c.grant_id, authorization_codes.c.redeemed_at))
    redeemed = {grant_id: at is not None for grant_id, at in codes}
    families: dict[str, list[bool]] = {grant_id: [] for grant_id in redeemed}
    for grant_id, at in connection.execute(
        select(refresh_tokens.c.grant_id, refresh_tokens.c.superseded_at).order_by(refresh_tokens.c.generation)
    ):
        families[grant_id].append(at is not None)
    return redeemed, families


async def check(url: str, acknowledged: Acknowledged) -> None:
    database = await open_database(url)
    codes, tokens = await database.read(codes_and_tokens)
    for code, token, head in acknowledged:
        assert digest(code) in codes
        if token is not None:
            assert codes[digest(code)]
            assert digest(token) in tokens
        if token is not None and head is not None:
            assert tokens[digest(token)]
            assert digest(head) in tokens

    redeemed, families = await database.read(generations)
    for grant_id, family in families.items():
        assert redeemed[grant_id] == bool(family)
        assert family.count(False) == len(family[-1:])  # one head, where there are any

    heads = [head for _, _, head in acknowledged if head is not None]
    for head in heads[-3:]:
        assert issued(await refresh(store_on(database), head, fresh=f"{head}_next")) == f"{head}_next"
    await database.close()


def test_whatever_was_acknowledged_before_a_kill_is_there_after_it(database_url: str) -> None:
    acknowledged: Acknowledged = []
    for after in KILLED_AFTER:
        acknowledged += killed(database_url, after)
        asyncio.run(check(database_url, acknowledged))
    assert len(acknowledged) >= sum(KILLED_AFTER)
    assert any(head is not None for _, _, head in acknowledged)


def test_sqlite_file_is_sound_after_a_kill(sqlite_url: str) -> None:
    killed(sqlite_url, 30)
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
