"""HTTP to Supabase Auth, against a server that misbehaves (D-16, SEED-5, SEED-6)."""

import socket
import time

import httpx
import pytest

from mcp_auth.supabase.client import Answer, SupabaseClient
from oauth.foundation.outages import ProviderUnavailable
from tests.support.scripted_server import RESET, Reply, ScriptedServer


# SEED-1: the project's gateway wants the publishable key.
async def test_request_carries_the_projects_key_and_what_was_asked(
    client: SupabaseClient, supabase: ScriptedServer
) -> None:
    supabase.will_answer({"ok": True})
    answer = await client.request(
        "POST", "/token", query={"grant_type": "password"}, json={"email": "a@b.c", "password": "p"}
    )
    assert answer == Answer(200, {"ok": True})
    (received,) = supabase.received
    assert (received.method, received.target) == ("POST", "/auth/v1/token?grant_type=password")
    assert received.headers["apikey"] == "sb_publishable_1"
    assert received.headers["x-supabase-api-version"] == "2024-01-01"
    assert received.body == b'{"email":"a@b.c","password":"p"}'
    assert "authorization" not in received.headers


async def test_bearer_is_sent_only_where_one_is_given(client: SupabaseClient, supabase: ScriptedServer) -> None:
    supabase.will_answer({})
    await client.request("GET", "/user", bearer="token_1")
    await client.request("GET", "/settings")
    assert supabase.received[0].headers["authorization"] == "Bearer token_1"
    assert "authorization" not in supabase.received[1].headers


def test_issuer_is_the_projects() -> None:
    client = SupabaseClient("https://project.supabase.co", "key", httpx.AsyncClient())
    assert client.issuer == "https://project.supabase.co/auth/v1"


# What Supabase says no to is an answer, in each of its formats.
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error_code": "invalid_credentials", "code": 400, "msg": "x"}, "invalid_credentials"),
        (403, {"code": "bad_jwt", "message": "x"}, "bad_jwt"),
        (401, {"error": "invalid_grant", "error_description": "x"}, "invalid_grant"),
        (404, {"code": 404, "msg": "x"}, ""),
        (400, {}, ""),
        (422, {"error_code": None}, ""),
    ],
)
async def test_refusal_is_an_answer_with_its_code(
    client: SupabaseClient, supabase: ScriptedServer, status: int, body: dict[str, object], code: str
) -> None:
    supabase.will_answer(body, status=status)
    answer = await client.request("GET", "/user")
    assert answer == Answer(status, body)
    assert answer.error_code == code


# F-19, SEED-5: a 500 is nobody's fault, and asking again at once does not help.
@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_server_error_is_an_outage_and_asked_once(
    client: SupabaseClient, supabase: ScriptedServer, status: int
) -> None:
    supabase.will_answer({"code": "unexpected_failure"}, status=status)
    with pytest.raises(ProviderUnavailable, match=f"/user: status {status}"):
        await client.request("GET", "/user", bearer="token_1")
    assert len(supabase.received) == 1


# SEED-5: what cannot be read is no verdict either.
@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize(
    "body", [b"", b"<html>captcha</html>", b"[]", b'"x"', b"null", b"{", b'{"a":"\xff"}'], ids=repr
)
async def test_answer_that_is_no_json_object_is_an_outage(
    client: SupabaseClient, supabase: ScriptedServer, status: int, body: bytes
) -> None:
    supabase.replies = [Reply(body, status)]
    with pytest.raises(ProviderUnavailable):
        await client.request("GET", "/user")
    assert len(supabase.received) == 1


async def test_answer_that_does_not_unpack_is_an_outage(client: SupabaseClient, supabase: ScriptedServer) -> None:
    supabase.replies = [Reply(b"{}", 200, {"content-encoding": "gzip"})]
    with pytest.raises(ProviderUnavailable):
        await client.request("GET", "/user")


# The token would go along.
async def test_redirect_is_not_followed(client: SupabaseClient, supabase: ScriptedServer) -> None:
    supabase.replies = [Reply(b"", 302, {"location": f"{supabase.url}/elsewhere"})]
    with pytest.raises(ProviderUnavailable):
        await client.request("GET", "/user", bearer="token_1")
    assert [received.target for received in supabase.received] == ["/auth/v1/user"]


# SEED-6: two retries, 0.3 s apart.
async def test_connection_that_is_lost_twice_is_tried_a_third_time(
    client: SupabaseClient, supabase: ScriptedServer
) -> None:
    supabase.replies = [RESET, RESET, Reply(b'{"ok":1}')]
    started = time.monotonic()
    assert await client.request("GET", "/user", bearer="token_1") == Answer(200, {"ok": 1})
    assert time.monotonic() - started >= 0.6
    assert len(supabase.received) == 3
    assert {received.headers["authorization"] for received in supabase.received} == {"Bearer token_1"}


async def test_connection_that_is_lost_three_times_is_an_outage(
    client: SupabaseClient, supabase: ScriptedServer
) -> None:
    supabase.replies = [RESET]
    with pytest.raises(ProviderUnavailable, match="/user: RemoteProtocolError"):
        await client.request("GET", "/user")
    assert len(supabase.received) == 3


async def test_project_that_nobody_listens_for_is_an_outage() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with httpx.AsyncClient() as http:
            with pytest.raises(ProviderUnavailable, match="/user: ConnectError"):
                await SupabaseClient(address, "key", http).request("GET", "/user")
