"""POST /token over HTTP: who gets a token, who does not, and what each refusal makes a client do (D-15)."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway
from tests.support.raw_client import RawClient


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 400, "unauthorized_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_id": "\x00"}, 400, "invalid_request"),
        ({"client_id": "é" * 1000}, 401, "invalid_client"),
        ({"code": None}, 400, "invalid_request"),
        ({"code": "ac_unknown"}, 400, "invalid_grant"),
        ({"code": "é"}, 400, "invalid_grant"),
        ({"code": "x" * 5000}, 400, "invalid_request"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"code_verifier": "short"}, 400, "invalid_grant"),
        ({"code_verifier": "é" * 50}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 64}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, 400, "invalid_grant"),
        ({"resource": "https://elsewhere.example/mcp"}, 400, "invalid_target"),
        ({"client_secret": "uninvited"}, 401, "invalid_client"),
    ],
)
def test_faulty_redemption_is_refused_and_burns_nothing(
    sqlite_gateway: Gateway, changed: dict[str, str | None], status: int, error: str
) -> None:
    client = sqlite_gateway.registered()
    code = sqlite_gateway.code(client)
    refused = client.redeem(**{"code": code, **changed})  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert refused.headers["cache-control"] == "no-store"
    assert refused.json()["error_description"].isascii()
    assert client.redeem(code).status_code == 200


def test_resource_other_than_the_granted_one_is_refused_and_the_right_one_works_afterwards(gateway: Gateway) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    refused = client.redeem(code, resource=f"{gateway.url}/mcp-admin")
    assert refused.json()["error"] == "invalid_target"
    assert client.redeem(code).status_code == 200


def test_code_expires_after_a_minute(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    clock.advance(seconds=61)
    assert client.redeem(code).json()["error"] == "invalid_grant"


def test_late_replay_of_a_code_ends_the_grant_everywhere(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    tokens = client.redeem(code).json()
    assert client.call_tool(tokens["access_token"]).status_code == 200
    clock.advance(seconds=3)
    assert client.redeem(code).json()["error"] == "invalid_grant"
    assert client.call_tool(tokens["access_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_replay_within_the_race_window_ends_nothing(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    tokens = client.redeem(code).json()
    clock.advance(seconds=1)
    assert client.redeem(code).json()["error"] == "invalid_grant"
    assert client.call_tool(tokens["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"code_verifier": "w" * 64}, {"redirect_uri": "http://127.0.0.1:1/x"}, {"resource": "https://x.example/"}]
)
def test_replay_that_is_wrong_in_anything_else_ends_nothing(
    gateway: Gateway, clock: SettableClock, wrong: dict[str, str]
) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    tokens = client.redeem(code).json()
    clock.advance(minutes=5)
    assert client.redeem(code, **wrong).status_code == 400
    assert client.call_tool(tokens["access_token"]).status_code == 200


def test_code_of_another_client_is_refused_and_stays_good_for_its_own(gateway: Gateway) -> None:
    owner, thief = gateway.registered(), gateway.registered()
    code = gateway.code(owner)
    thief.verifier = owner.verifier
    assert thief.redeem(code).json()["error"] == "invalid_grant"
    assert owner.redeem(code).status_code == 200


def test_retried_refresh_gets_the_same_head_again(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    first = client.refresh(tokens["refresh_token"]).json()
    clock.advance(seconds=59)
    second = client.refresh(tokens["refresh_token"]).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert client.refresh(first["refresh_token"]).status_code == 200


def test_retry_after_several_rotations_gets_the_current_head(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    head = tokens["refresh_token"]
    for _ in range(4):
        clock.advance(seconds=10)
        head = client.refresh(head).json()["refresh_token"]
    assert client.refresh(tokens["refresh_token"]).json()["refresh_token"] == head


def test_lost_reply_is_repeated_even_after_days_while_nothing_of_it_was_seen(
    gateway: Gateway, clock: SettableClock
) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    client.refresh(tokens["refresh_token"])  # the reply is lost
    clock.advance(days=3)
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_old_token_whose_successor_was_used_ends_the_grant(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    second = client.refresh(tokens["refresh_token"]).json()
    client.refresh(second["refresh_token"])
    clock.advance(seconds=61)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.call_tool(second["access_token"]).status_code == 401


def test_old_token_ends_the_grant_once_the_new_access_token_was_seen(
    gateway: Gateway, clock: SettableClock, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    second = client.refresh(tokens["refresh_token"]).json()
    assert client.call_tool(second["access_token"]).status_code == 200
    clock.advance(seconds=61)

    def refused() -> bool:
        # A retry is good until the sighting is written down, which takes a moment.
        return client.refresh(tokens["refresh_token"]).status_code == 400

    eventually(refused)
    assert client.call_tool(second["access_token"]).status_code == 401


def test_refresh_token_of_another_client_is_refused_and_stays_good(gateway: Gateway) -> None:
    owner, thief = gateway.registered(), gateway.registered()
    tokens = gateway.tokens(owner)
    assert thief.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert owner.refresh(tokens["refresh_token"]).status_code == 200


def test_refresh_token_dies_after_thirty_idle_days(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    clock.advance(days=29)
    tokens = client.refresh(tokens["refresh_token"]).json()
    clock.advance(days=31)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_grant_ends_after_its_absolute_life(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    for _ in range(7):
        clock.advance(days=25)
        tokens = client.refresh(tokens["refresh_token"]).json()
    clock.advance(days=6)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_narrowed_scope_is_for_that_access_token_only(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client, scope="mcp:read mcp:write")
    narrow = client.refresh(tokens["refresh_token"], scope="mcp:read").json()
    assert narrow["scope"] == "mcp:read"
    assert client.refresh(narrow["refresh_token"]).json()["scope"] == "mcp:read mcp:write"


def test_widened_scope_is_refused(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    refused = client.refresh(tokens["refresh_token"], scope="mcp:read mcp:write")
    assert refused.json()["error"] == "invalid_scope"
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_confidential_client_must_use_its_registered_method(gateway: Gateway) -> None:
    client = gateway.client()
    registered = client.register(token_endpoint_auth_method="client_secret_basic")
    assert registered.json()["client_secret_expires_at"] == 0
    secret = str(client.client_secret)
    tokens = gateway.tokens_with(client, lambda code: basic(client, code, secret))
    assert client.refresh(tokens["refresh_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"], client_secret=secret).status_code == 401
    wrong = basic_refresh(client, tokens["refresh_token"], "wrong")
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_client"
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    assert basic_refresh(client, tokens["refresh_token"], secret).status_code == 200


def test_client_secret_post_works_and_two_ways_at_once_do_not(gateway: Gateway) -> None:
    client = gateway.client()
    client.register(token_endpoint_auth_method="client_secret_post")
    secret = str(client.client_secret)
    code = gateway.code(client)
    both = client.http.post(
        f"{gateway.url}/token",
        data={"grant_type": "authorization_code", "code": code, "client_id": client.client_id, "client_secret": secret},
        auth=(client.client_id, secret),
    )
    assert both.json()["error"] == "invalid_request"
    assert client.redeem(code, client_secret=secret).status_code == 200


def test_client_without_the_refresh_grant_gets_no_refresh_token(gateway: Gateway) -> None:
    client = gateway.registered(grant_types=["authorization_code"])
    assert "refresh_token" not in gateway.tokens(client)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type": "authorization_code"}'),
        ("", b"grant_type=authorization_code"),
        ("application/x-www-form-urlencoded", b"grant_type=a&grant_type=b"),
        ("application/x-www-form-urlencoded", b"client_id=\xff"),
        ("application/x-www-form-urlencoded", b"client_id=%FF"),
        ("application/x-www-form-urlencoded", b"&".join(b"p%d=1" % n for n in range(100))),
        ("multipart/form-data; boundary=x", b"--x--"),
    ],
)
def test_unreadable_body_is_an_invalid_request(sqlite_gateway: Gateway, content_type: str, body: bytes) -> None:
    response = httpx.post(f"{sqlite_gateway.url}/token", content=body, headers={"Content-Type": content_type})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


def test_oversized_body_is_refused_before_it_is_read(sqlite_gateway: Gateway) -> None:
    response = httpx.post(
        f"{sqlite_gateway.url}/token",
        content=b"a=" + b"x" * 100_000,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == 413
    assert response.json()["error"] == "invalid_request"


def test_get_is_not_a_token_request(sqlite_gateway: Gateway) -> None:
    assert httpx.get(f"{sqlite_gateway.url}/token").status_code == 405


def test_deactivated_person_loses_the_grant_at_the_next_refresh(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    gateway.deactivate(USER)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def basic(client: RawClient, code: str, secret: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
    }
    return client.http.post(f"{client.gateway}/token", data=form, auth=(client.client_id, secret))


def basic_refresh(client: RawClient, refresh_token: str, secret: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return client.http.post(f"{client.gateway}/token", data=form, auth=(client.client_id, secret))
