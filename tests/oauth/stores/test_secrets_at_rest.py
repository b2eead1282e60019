"""Who reads the database, or a copy of its file, learns no secret from it (D-7, F-8)."""

import asyncio
import contextlib
import os
import re
import sqlite3
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from oauth.foundation.credentials import KeyEncryption, digest
from oauth.key_ring import KeyRing
from oauth.stores.ports import Store
from tests.support.clock import SettableClock
from tests.support.gateway import SECRET, USER, Gateway, running_gateway, running_supabase
from tests.support.raw_client import answer_of

# credentials.new_secret: a prefix, and 256 bits.
_OPAQUE = re.compile(rb"(?:[a-z]+_)?([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Life:
    """secrets: everything that opens something, by what it is. kept: digests and names that have to be found, so that
    looking for the others means something."""

    secrets: dict[str, bytes]
    kept: dict[str, bytes]


@pytest.fixture
def gateway(database_url: str, tmp_path: Path, clock: SettableClock) -> Iterator[Gateway]:
    with (
        running_supabase(tmp_path / "supabase", clock) as supabase,
        running_gateway(database_url, supabase, clock) as running,
    ):
        yield running


@pytest.fixture
def life(gateway: Gateway, clock: SettableClock) -> Life:
    """A confidential client from its registration to its third refresh token, one grant revoked, one request open."""
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    authentication = {"client_secret": str(client.client_secret)}
    browser = gateway.browser()
    sign_in = browser.get(client.authorization_url())
    consent = browser.sign_in(sign_in, USER.email, USER.password)
    code = answer_of(browser.decide(consent))["code"]
    replies = [client.redeem(code, **authentication)]
    for _ in range(2):
        clock.advance(minutes=1)
        replies.append(client.refresh(replies[-1].json()["refresh_token"], **authentication))
    tokens = [reply.json() for reply in replies]
    assert client.call_tool(tokens[-1]["access_token"]).status_code == 200

    ended = gateway.registered()
    ended_code = gateway.code(ended)
    ended_tokens = ended.redeem(ended_code).json()
    assert ended.revoke(ended_tokens["refresh_token"]).status_code == 200
    waiting = gateway.browser()
    opened = waiting.get(client.authorization_url())
    undecided = gateway.browser()
    undecided_page = undecided.sign_in(undecided.get(client.authorization_url()), USER.email, USER.password)

    secrets = {
        "client secret": authentication["client_secret"],
        "registration token": str(client.registration_token),
        "code": code,
        "code of the revoked grant": ended_code,
        "refresh token of the revoked grant": ended_tokens["refresh_token"],
        "code verifier": client.verifier,
        "password": USER.password,
        "root secret": SECRET,
        "Supabase's secret key": gateway.supabase.stand_in.secret_key,
        **{f"refresh token {number}": each["refresh_token"] for number, each in enumerate(tokens)},
        **{f"access token {number}": each["access_token"] for number, each in enumerate(tokens)},
        **{
            f"handle of request {number}": page.url.params["request"]
            for number, page in enumerate((sign_in, consent, opened, undecided_page))
        },
        **{
            f"cookie {cookie.name} {number}": str(cookie.value)
            for number, each in enumerate((browser, waiting, undecided))
            for cookie in each.http.cookies.jar
        },
    }
    kept = {
        "digest of the code": digest(code),
        "digest of the last refresh token": digest(tokens[-1]["refresh_token"]),
        "digest of the registration token": digest(str(client.registration_token)),
        "hash of the client secret": b"$argon2id$v=19$",
        "client id": client.client_id.encode(),
        "account": USER.email.encode(),
    }
    assert {"cookie mcp_auth_session 0", "cookie mcp_auth_browser 1"} <= secrets.keys()
    private = gateway.store(lambda store: private_keys(store, clock))
    return Life({name: secret.encode() for name, secret in secrets.items()} | private, kept)


async def private_keys(store: Store, clock: SettableClock) -> dict[str, bytes]:
    """The private parts of the signing keys, as DER and as the bare number."""
    encryption = KeyEncryption((SECRET,), os.urandom)
    ring = KeyRing(store.signing_keys, encryption, timedelta(minutes=30))
    await ring.load(clock())
    opened = {key.kid: encryption.decrypt(key.sealed_private_key, key.kid) for key in await store.signing_keys.all()}
    der = {f"private key {kid}": each for kid, each in opened.items() if each is not None}
    numbers = {
        f"number of {key.kid}": key.private_key.private_numbers().private_value.to_bytes(32) for key in ring.keys.all
    }
    assert len(der) == len(numbers) == 1
    return der | numbers


def spellings(secret: bytes) -> set[bytes]:
    """A secret as it might stand in a column: as it is, without its prefix, decoded, encoded once more."""
    found = {secret}
    opaque = _OPAQUE.fullmatch(secret)
    if opaque is not None:
        found |= {opaque[1], urlsafe_b64decode(opaque[1] + b"=")}
    found |= {form for each in tuple(found) for form in (each.hex().encode(), b64encode(each).rstrip(b"="))}
    return found | {urlsafe_b64encode(secret).rstrip(b"="), quote(secret).encode()}


def found_in(haystack: bytes, needles: dict[str, bytes]) -> set[str]:
    return {name for name, secret in needles.items() if any(each in haystack for each in spellings(secret))}


def leaks(contents: Mapping[str, bytes], secrets: dict[str, bytes]) -> dict[str, set[str]]:
    """Which secrets stand where."""
    return {where: found for where, content in contents.items() if (found := found_in(content, secrets))}


def joined(rows: Iterable[Iterable[object]]) -> bytes:
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row if value is not None
    )


async def postgresql_dump(url: str) -> dict[str, bytes]:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    dumped = {name: joined(await connection.fetch(f'SELECT * FROM "{name}"')) for (name,) in tables}  # noqa: S608
    await connection.close()
    return dumped


def sqlite_dump(url: str) -> dict[str, bytes]:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: joined(connection.execute(f'SELECT * FROM "{name}"')) for (name,) in tables}  # noqa: S608


# F-8
def test_no_table_holds_a_secret_of_a_whole_life(gateway: Gateway, life: Life) -> None:
    url = gateway.settings.database_url
    dumped = sqlite_dump(url) if url.startswith("sqlite") else asyncio.run(postgresql_dump(url))
    assert dumped.keys() >= {"clients", "grants", "refresh_tokens", "signing_keys", "sign_in_sessions", "users"}
    assert leaks(dumped, life.secrets) == {}
    assert found_in(b"\n".join(dumped.values()), life.kept) == life.kept.keys()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_byte_of_the_sqlite_files_holds_a_secret_of_a_whole_life(gateway: Gateway, life: Life) -> None:
    path = Path(gateway.settings.database_url.removeprefix("sqlite:///"))
    files = {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*")}
    assert files.keys() >= {path.name, f"{path.name}-wal"}
    assert leaks(files, life.secrets) == {}
    assert found_in(b"\n".join(files.values()), life.kept) == life.kept.keys()


def test_looking_for_a_secret_finds_it_however_it_is_spelled() -> None:
    secret = b"rt_" + urlsafe_b64encode(bytes(range(32))).rstrip(b"=")
    for spelled in (secret, secret[3:], bytes(range(32)), secret.hex().encode(), b64encode(secret)):
        assert found_in(b"..." + spelled + b"...", {"token": secret}) == {"token"}
    assert found_in(digest(secret.decode()), {"token": secret}) == set()
