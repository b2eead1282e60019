"""From a URL to a database that fits the program, or a sentence that says what to do."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import umask
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

import migrations
from oauth.database.database import UnsuitableDatabase, check_revision, ensure_private_file, parse_url
from oauth.foundation.outages import StoreUnavailable
from oauth.stores.opening import open_database, store_on
from oauth.stores.sql.tables import REVISION
from tests.support.builders import make_client

NOT_A_URL = "The database URL is not a URL such as sqlite:///mcp-auth.sqlite."
WRONG_KIND = "The database URL must be sqlite:///path/to/file or postgresql://user@host/database."


def sqlite_url(database: str) -> URL:
    return URL.create("sqlite+aiosqlite", database=database)


# -- the URL

URLS = {
    "sqlite:///relative.sqlite": sqlite_url("relative.sqlite"),
    "sqlite:////var/lib/absolute.sqlite": sqlite_url("/var/lib/absolute.sqlite"),
    "sqlite+pysqlite:///other-driver.sqlite": sqlite_url("other-driver.sqlite"),
    "postgresql://u:p%40ss%2F@db.internal:5433/name?sslmode=require": URL.create(
        "postgresql+asyncpg", "u", "p@ss/", "db.internal", 5433, "name", {"sslmode": "require"}
    ),
    "postgres://u@h/name": URL.create("postgresql+asyncpg", "u", host="h", database="name"),
    "postgresql+psycopg2://u@h/name": URL.create("postgresql+asyncpg", "u", host="h", database="name"),
}


@pytest.mark.parametrize("url", URLS)
def test_url_names_the_database_and_we_choose_the_driver(url: str) -> None:
    assert parse_url(url) == URLS[url]


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "/var/lib/x.sqlite", "postgresql:/h/name", "postgresql://h:port/name", "postgresql://[::1/name"],
)
def test_what_is_no_url_is_answered_with_one(url: str) -> None:
    with pytest.raises(UnsuitableDatabase) as refused:
        parse_url(url)
    assert str(refused.value) == NOT_A_URL


@pytest.mark.parametrize(
    "url", ["mysql://u@h/name", "mongodb://h/name", "file:///x.sqlite", "redis://h", "sqlite2:///x", "https://h/name"]
)
def test_database_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UnsuitableDatabase) as refused:
        parse_url(url)
    assert str(refused.value) == WRONG_KIND


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:"])
async def test_database_in_memory_is_refused_since_it_would_forget(url: str) -> None:
    with pytest.raises(UnsuitableDatabase) as refused:
        await open_database(url)
    assert str(refused.value) == WRONG_KIND


async def test_query_of_a_sqlite_url_makes_nothing_forgetful(tmp_path: Path) -> None:
    """SQLite's own spelling of a database in memory: we open the file of that name."""
    await migrations.upgrade(parse_url(f"sqlite:///{tmp_path}/x.sqlite"))
    opened = await open_database(f"sqlite:///{tmp_path}/x.sqlite?mode=memory&cache=shared&uri=true")
    await store_on(opened).clients.put(make_client())
    assert await store_on(opened).clients.get(make_client().client_id) == make_client()
    await opened.close()


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:port/name", "mysql://u:hunter2@h/name"])
def test_refusal_does_not_repeat_the_password(url: str) -> None:
    with pytest.raises(UnsuitableDatabase) as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)


# -- the file


@contextmanager
def generous_umask() -> Iterator[None]:
    """What is made is for everyone, unless somebody cares."""
    before = umask(0)
    try:
        yield
    finally:
        umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: stat.filemode(path.stat().st_mode) for path in folder.iterdir()}


async def test_new_sqlite_file_and_what_stands_beside_it_are_its_owner_s_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite"
    with generous_umask():
        await migrations.upgrade(parse_url(url))
        assert modes(tmp_path) == {"new.sqlite": "-rw-------"}
        opened = await open_database(url)
        await store_on(opened).clients.put(make_client())
        assert await store_on(opened).clients.get(make_client().client_id) is not None
        assert modes(tmp_path) == dict.fromkeys(["new.sqlite", "new.sqlite-wal", "new.sqlite-shm"], "-rw-------")
        await opened.close()


async def test_opening_a_file_that_is_not_there_says_what_to_do_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableDatabase) as refused:
        await open_database(f"sqlite:///{tmp_path}/new.sqlite")
    assert str(refused.value) == (
        f"There is no database at {tmp_path}/new.sqlite: run `mcp-auth migrate`, or name the one that you mean in "
        "MCP_AUTH_DATABASE_URL."
    )
    assert modes(tmp_path) == {}


def test_file_that_is_there_keeps_its_content_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    path.write_bytes(b"content")
    path.chmod(0o640)
    ensure_private_file(path)
    assert (path.read_bytes(), modes(tmp_path)) == (b"content", {"old.sqlite": "-rw-r-----"})


@pytest.mark.parametrize("name", ["a b.sqlite", "100%.sqlite", "what?.sqlite", "no#1.sqlite", "ünï☃.sqlite", "a%20b"])
async def test_any_file_name_is_read_and_written_alike(tmp_path: Path, name: str) -> None:
    url = URL.create("sqlite", database=str(tmp_path / name))
    await migrations.upgrade(parse_url(url.render_as_string()))
    opened = await open_database(url.render_as_string())
    await store_on(opened).clients.put(make_client())
    assert await store_on(opened).clients.get(make_client().client_id) == make_client()
    assert {each.split("-")[0] for each in modes(tmp_path)} == {name.split("-", maxsplit=1)[0]}
    await opened.close()


async def test_relative_path_means_the_folder_in_which_the_program_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await migrations.upgrade(parse_url("sqlite:///here.sqlite"))
    opened = await open_database("sqlite:///here.sqlite")
    monkeypatch.chdir("/")
    await store_on(opened).clients.put(make_client())
    assert await store_on(opened).clients.get(make_client().client_id) == make_client()
    await opened.close()


async def test_folder_that_does_not_exist_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="FileNotFoundError"):
        await open_database(f"sqlite:///{tmp_path}/nowhere/x.sqlite")


async def test_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear Ada, " * 1000)
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"):
        await open_database(f"sqlite:///{path}")
    assert path.read_bytes() == b"Dear Ada, " * 1000


# -- the revision


async def test_migrated_database_fits(database_url: str) -> None:
    opened = await open_database(database_url)
    await check_revision(opened, REVISION)
    await opened.close()


async def test_database_at_another_revision_says_what_to_run(database_url: str) -> None:
    opened = await open_database(database_url)
    await opened.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0000'")))
    with pytest.raises(UnsuitableDatabase) as refused:
        await check_revision(opened, REVISION)
    assert str(refused.value) == (
        f"The database is at revision 0000, this program needs {REVISION}: run `mcp-auth migrate`."
    )
    await opened.close()


@pytest.mark.parametrize("statement", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
async def test_database_that_was_never_migrated_says_what_to_run(database_url: str, statement: str) -> None:
    opened = await open_database(database_url)
    await opened.write(lambda connection: connection.execute(text(statement)))
    with pytest.raises(UnsuitableDatabase) as refused:
        await check_revision(opened, REVISION)
    assert str(refused.value) == (
        f"The database is at revision none, this program needs {REVISION}: run `mcp-auth migrate`."
    )
    await opened.close()
