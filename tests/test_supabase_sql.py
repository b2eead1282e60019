"""The SQL that we ship for a Supabase project, on a real PostgreSQL with the few things of Supabase that it uses."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mcp_auth.supabase import webhook
from mcp_auth.supabase.webhook import Event, EventType
from oauth.foundation.vocabulary import Subject

FOLDER = Path(__file__).parents[1] / "docs" / "supabase"
KEY = b"a key for the tests of the sql.."
ADA = Subject("5d6f3a52-0c1e-4f7e-9a57-1f1b0d5c0001")
BOB = Subject("5d6f3a52-0c1e-4f7e-9a57-1f1b0d5c0002")

# What a hosted project has: the tables of Supabase Auth, its vault, pgcrypto's hmac (RFC 2104), and pg_net, which here
# keeps what it would send.
PROJECT = """
create schema auth;
create schema extensions;
create schema vault;
create schema net;
create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz, email text);
create table auth.sessions (id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users on delete cascade);
create table vault.decrypted_secrets (name text, decrypted_secret text);
create table net.sent (number serial, url text, body text, headers jsonb);
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{}', timeout_milliseconds integer default 2000) returns bigint language sql as
    'insert into net.sent (url, body, headers) values (url, body::text, headers) returning number';
create function extensions.hmac(data bytea, key bytea, kind text) returns bytea language plpgsql as $$
declare
    inner_pad bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
    outer_pad bytea := inner_pad;
begin
    for i in 0..63 loop
        inner_pad := set_byte(inner_pad, i, get_byte(inner_pad, i) # 54);
        outer_pad := set_byte(outer_pad, i, get_byte(outer_pad, i) # 92);
    end loop;
    return sha256(outer_pad || sha256(inner_pad || data));
end $$;
"""
URL = "https://mcp.example.com/api/v1/webhooks/supabase"
BAN = "update auth.users set banned_until = '2100-01-01T00:00:00Z' where id = $1"
LIFT_BAN = "update auth.users set banned_until = null where id = $1"
DELETE = "delete from auth.users where id = $1"
DELETE_SOFTLY = "update auth.users set deleted_at = now() where id = $1"
SIGN_OUT = "delete from auth.sessions where user_id = $1"
SIGN_OUT_ONE = "delete from auth.sessions where id in (select id from auth.sessions where user_id = $1 limit 1)"


def sql(name: str) -> str:
    """The file as it is shipped, without the extensions that only a hosted project has."""
    return re.sub(r"(?m)^create extension .*;$", "", (FOLDER / name).read_text())


@pytest.fixture
async def project(postgresql_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgresql_url)
    for role in ("supabase_auth_admin", "authenticated", "anon"):
        await connection.execute(
            f"do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$"
        )
    await connection.execute(PROJECT)
    secrets = [("mcp_auth_webhook_url", URL), ("mcp_auth_webhook_secret", f"whsec_{b64encode(KEY).decode()}")]
    await connection.executemany("insert into vault.decrypted_secrets values ($1, $2)", secrets)
    await connection.executemany("insert into auth.users (id) values ($1)", [(ADA,), (BOB,)])
    await connection.executemany("insert into auth.sessions (user_id) values ($1)", [(ADA,), (ADA,), (BOB,)])
    yield connection
    await connection.close()


async def told(project: Any) -> list[Event]:  # noqa: ANN401 - asyncpg has no types
    """What mcp-auth understands of what was sent since the last time."""
    events = []
    for row in await project.fetch("delete from net.sent returning *"):
        assert row["url"] == URL
        event = webhook.read(json.loads(row["headers"]), row["body"].encode(), (KEY,), datetime.now(UTC))
        assert isinstance(event, Event), event
        events.append(event)
    return events


async def test_what_ends_access_is_told_and_nothing_else(project: Any) -> None:  # noqa: ANN401
    await project.execute(sql("access-end.sql"))
    await project.execute(sql("access-end.sql"))  # again is no harm

    await project.execute("update auth.users set email = 'ada@example.com'")
    await project.execute(SIGN_OUT_ONE, ADA)
    assert await told(project) == []

    await project.execute(BAN, ADA)
    assert await told(project) == [Event(EventType.CHANGED, ADA, datetime(2100, 1, 1, tzinfo=UTC))]
    await project.execute(LIFT_BAN, ADA)
    assert await told(project) == [Event(EventType.CHANGED, ADA, None)]
    await project.execute(SIGN_OUT, ADA)
    assert await told(project) == [Event(EventType.SIGNED_OUT, ADA, None)]
    await project.execute(DELETE_SOFTLY, ADA)
    assert await told(project) == [Event(EventType.DELETED, ADA, None)]
    await project.execute(DELETE, BOB)
    assert await told(project) == [Event(EventType.DELETED, BOB, None)]


async def test_trouble_with_telling_stops_nobody_in_supabase(project: Any) -> None:  # noqa: ANN401
    await project.execute(sql("access-end.sql"))
    await project.execute("drop function net.http_post")
    await project.execute(BAN, ADA)
    await project.execute("delete from vault.decrypted_secrets")
    await project.execute(DELETE, ADA)
    assert await project.fetchval("select count(*) from auth.users") == 1


@pytest.mark.parametrize(
    ("claims", "audience"),
    [
        ({"aud": "authenticated", "is_anonymous": False}, ["authenticated", "https://mcp.example.com/mcp"]),
        ({"aud": ["authenticated"], "is_anonymous": False}, ["authenticated", "https://mcp.example.com/mcp"]),
        (
            {"aud": ["authenticated", "https://mcp.example.com/mcp"], "is_anonymous": False},
            ["authenticated", "https://mcp.example.com/mcp"],
        ),
        ({"aud": "authenticated", "is_anonymous": True}, "authenticated"),
        ({"aud": "authenticated"}, "authenticated"),
        ({"aud": "authenticated", "is_anonymous": False, "client_id": "x"}, "authenticated"),
    ],
)
async def test_hook_names_the_mcp_server_for_sessions_of_the_app_alone(
    project: Any,  # noqa: ANN401
    claims: dict[str, Any],
    audience: object,
) -> None:
    await project.execute(sql("access-token-hook.sql"))
    sent = {**claims, "sub": ADA}
    event = {"user_id": ADA, "claims": sent, "authentication_method": "password"}
    answer = json.loads(await project.fetchval("select public.mcp_auth_access_token($1)", json.dumps(event)))
    assert answer == {**event, "claims": {**sent, "aud": audience}}
