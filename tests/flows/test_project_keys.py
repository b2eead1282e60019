"""Projects sign with an elliptic key, an RSA key or a shared secret: people sign in, and their sessions are good at the
API, in each of them (SEED-1, SEED-2, SEED-4)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway


@pytest.fixture
def database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[str]:
    with sqlite_template.database(tmp_path) as url:
        yield url


def session_token(supabase: RunningSupabase) -> str:
    session = httpx.post(
        f"{supabase.url}/auth/v1/token?grant_type=password",
        json={"email": USER.email, "password": USER.password},
        headers={"apikey": supabase.stand_in.publishable_key},
    )
    assert session.status_code == 200, session.text
    token: str = session.json()["access_token"]
    return token


def me(gateway: Gateway, token: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})


def asked_who(supabase: RunningSupabase) -> int:
    return sum(count for path, count in supabase.stand_in.requests.items() if path == "/user")


# SEED-1
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
@pytest.mark.parametrize("told", [True, False], ids=["told the secret", "not told"])
def test_people_of_the_project_sign_in_and_use_their_session(
    database: str, supabase: RunningSupabase, clock: SettableClock, algorithm: str, *, told: bool
) -> None:
    secret = supabase.running.call(supabase.stand_in.rotate_signing_key(algorithm, revoke_others=True))
    with running_gateway(
        database, supabase, clock, supabase_jwt_secret=secret if told else None, follow_sessions=False
    ) as gateway:
        client = gateway.registered()
        assert client.call_tool(gateway.tokens(client)["access_token"]).status_code == 200
        before = asked_who(supabase)
        token = session_token(supabase)
        for _ in range(5):
            assert me(gateway, token).json()["email"] == USER.email
        assert asked_who(supabase) - before == (1 if algorithm == "HS256" and not told else 0)


def test_project_moves_from_the_shared_secret_to_a_key_without_a_restart(
    database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    secret = supabase.running.call(supabase.stand_in.rotate_signing_key("HS256", revoke_others=True))
    with running_gateway(database, supabase, clock, supabase_jwt_secret=secret) as gateway:
        old = session_token(supabase)
        assert me(gateway, old).status_code == 200
        supabase.running.call(supabase.stand_in.rotate_signing_key("ES256"))
        assert me(gateway, session_token(supabase)).status_code == 200
        assert me(gateway, old).status_code == 200


# SEED-4: a node that comes up while the keys cannot be had.
@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
def test_outage_of_the_keys_alone_stops_nobody(
    database: str, supabase: RunningSupabase, clock: SettableClock, fault: str
) -> None:
    supabase.stand_in.faults.set(fault, paths=["/.well-known"])
    with running_gateway(database, supabase, clock) as gateway:
        token = session_token(supabase)
        assert me(gateway, token).status_code == 200
        client = gateway.registered()
        assert client.call_tool(gateway.tokens(client)["access_token"]).status_code == 200
        supabase.stand_in.faults.set(fault)
        clock.advance(minutes=2)
        refused = me(gateway, token)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["code"] == "AUTH_PROVIDER_UNREACHABLE"
        supabase.stand_in.faults.clear()
        clock.advance(seconds=31)
        assert me(gateway, token).status_code == 200
