"""What goes over the wire, byte for byte where it matters: bodies, codes, headers, claims."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from servers.local_supabase import DEMO_ACCOUNTS
from tests.servers.local_supabase.wire import Somebody, Wire, refusal_of, session_of
from tests.support.browser import NO_TLS
from tests.support.clock import SettableClock
from tests.support.forging import base64url, constant, ec_key, es256, jws

USER = DEMO_ACCOUNTS[0]
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"  # base64url(SHA-256(VERIFIER))
NEWER = {"X-Supabase-Api-Version": "2024-01-01"}
NOBODY = "00000000-0000-4000-8000-000000000000"

# API keys


@pytest.mark.parametrize("path", ["/settings", "/user", "/token?grant_type=password"])
def test_request_without_an_api_key_is_stopped_at_the_gateway(wire: Wire, path: str) -> None:
    method = "POST" if path.startswith("/token") else "GET"
    response = wire.send(method, path, headers={"apikey": None})
    assert response.status_code == 401
    assert response.json() == {
        "message": "No API key found in request",
        "hint": "No `apikey` request header or url param was found.",
    }


def test_request_with_an_unknown_api_key_is_stopped_at_the_gateway(wire: Wire) -> None:
    response = wire.get("/settings", headers={"apikey": "sb_publishable_of-another-project"})
    assert response.status_code == 401
    assert response.json()["message"] == "Invalid API key"


def test_secret_key_is_good_wherever_the_publishable_one_is(wire: Wire) -> None:
    assert wire.as_service("GET", "/settings").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/.well-known/jwks.json", "/.well-known/openid-configuration"])
def test_open_routes_ask_for_no_api_key(wire: Wire, path: str) -> None:
    assert wire.get(path, headers={"apikey": None}).status_code == 200


def test_keys_look_like_those_of_a_hosted_project(wire: Wire) -> None:
    stand_in = wire.supabase.stand_in
    assert stand_in.publishable_key.startswith("sb_publishable_")
    assert stand_in.secret_key.startswith("sb_secret_")


# Administration


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", f"/admin/users/{USER.id}"),
        ("PUT", f"/admin/users/{USER.id}"),
        ("DELETE", f"/admin/users/{USER.id}"),
    ],
)
def test_administration_wants_the_secret_key(wire: Wire, person: Somebody, method: str, path: str) -> None:
    access_token = wire.sign_in(person)["access_token"]
    assert refusal_of(wire.send(method, path, headers={"apikey": None})) == (401, "no_authorization")
    assert refusal_of(wire.send(method, path)) == (403, "not_admin")
    assert refusal_of(wire.send(method, path, bearer=access_token)) == (403, "not_admin")
    assert refusal_of(wire.send(method, path, bearer="not-a-token")) == (403, "bad_jwt")
    assert refusal_of(wire.send(method, path, headers={"apikey": "sb_secret_unknown"})) == (403, "bad_jwt")
    assert wire.as_service("GET", f"/admin/users/{USER.id}").json()["email"] == USER.email


def test_secret_key_is_also_taken_as_bearer(wire: Wire) -> None:
    response = wire.get("/admin/users", headers={"apikey": None}, bearer=wire.supabase.stand_in.secret_key)
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_account_that_does_not_exist_is_not_found(wire: Wire, method: str) -> None:
    assert refusal_of(wire.as_service(method, f"/admin/users/{NOBODY}")) == (404, "user_not_found")
    assert refusal_of(wire.as_service(method, "/admin/users/no-uuid")) == (404, "validation_failed")


def test_hard_deletion_takes_sessions_along(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    deleted = wire.as_service("DELETE", f"/admin/users/{person.id}")
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert refusal_of(wire.refresh(session["refresh_token"])) == (400, "refresh_token_not_found")
    assert refusal_of(wire.get("/user", bearer=session["access_token"])) == (403, "user_not_found")
    assert refusal_of(wire.as_service("DELETE", f"/admin/users/{person.id}")) == (404, "user_not_found")


def test_soft_deletion_keeps_a_row_without_what_is_personal(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    wire.as_service("PUT", f"/admin/users/{person.id}", json={"app_metadata": {"team": "engines"}})
    for _ in range(2):
        response = wire.as_service("DELETE", f"/admin/users/{person.id}", json={"should_soft_delete": True})
        assert (response.status_code, response.json()) == (200, {})
    remains = wire.as_service("GET", f"/admin/users/{person.id}").json()
    assert remains["deleted_at"]
    assert person.email not in str(remains)
    assert (remains["app_metadata"], remains["user_metadata"], remains["identities"]) == ({}, {}, [])
    assert refusal_of(wire.refresh(session["refresh_token"])) == (400, "refresh_token_not_found")
    freed = wire.post("/signup", json={"email": person.email, "password": person.password})
    assert freed.json()["user"]["id"] != person.id


def test_list_says_how_many_there_are_and_where_it_goes_on(wire: Wire, person: Somebody) -> None:
    response = wire.as_service("GET", "/admin/users", params={"page": 1, "per_page": 1})
    assert len(response.json()["users"]) == 1
    total = int(response.headers["x-total-count"])
    assert total >= len([*DEMO_ACCOUNTS, person])
    following, last = response.headers["link"].split(", ")
    assert following == f'<{wire.issuer}/admin/users?page=2&per_page=1>; rel="next"'
    assert last == f'<{wire.issuer}/admin/users?page={total}&per_page=1>; rel="last"'


@pytest.mark.parametrize("page", ["two", "1.5", "9" * 5000])
def test_page_that_is_no_number_is_refused(wire: Wire, page: str) -> None:
    assert refusal_of(wire.as_service("GET", "/admin/users", params={"page": page})) == (400, "validation_failed")


def test_page_far_behind_the_last_one_is_empty(wire: Wire) -> None:
    response = wire.as_service("GET", "/admin/users", params={"page": str(10**30)})
    assert (response.status_code, response.json()["users"]) == (200, [])


@pytest.mark.parametrize("duration", ["forever", "24", "-1h", "h"])
def test_ban_of_no_known_duration_is_refused(wire: Wire, person: Somebody, duration: str) -> None:
    response = wire.as_service("PUT", f"/admin/users/{person.id}", json={"ban_duration": duration})
    assert refusal_of(response) == (400, "validation_failed")


def test_ban_runs_out(own_wire: Wire, own_person: Somebody, clock: SettableClock) -> None:
    banned = own_wire.as_service("PUT", f"/admin/users/{own_person.id}", json={"ban_duration": "1h30m"}).json()
    assert datetime.fromisoformat(banned["banned_until"]).timestamp() == clock().timestamp() + 5400
    clock.advance(minutes=89)
    refused = own_wire.token("password", email=own_person.email, password=own_person.password)
    assert refusal_of(refused) == (400, "user_banned")
    clock.advance(minutes=2)
    assert own_wire.sign_in(own_person)["user"]["id"] == own_person.id


@pytest.mark.parametrize("providers", [None, 5, "github", {"a": 1}, [1, None]])
def test_providers_that_an_administrator_made_up_break_nothing(wire: Wire, person: Somebody, providers: object) -> None:
    changed = wire.as_service("PUT", f"/admin/users/{person.id}", json={"app_metadata": {"providers": providers}})
    assert (changed.status_code, changed.json()["identities"]) == (200, [])
    assert wire.sign_in(person)["user"]["app_metadata"]["providers"] == providers


def test_metadata_is_merged_and_an_account_is_as_it_was_written(wire: Wire, new_email: Callable[[], str]) -> None:
    body = {"email": new_email(), "user_metadata": {"name": "Ada", "born": 1815}, "app_metadata": {"a": [1.5, None]}}
    made = wire.as_service("POST", "/admin/users", json=body).json()
    path = f"/admin/users/{made['id']}"
    wire.as_service("PUT", path, json={"user_metadata": {"name": "Augusta"}, "app_metadata": {"b": True}})
    read = wire.as_service("GET", path).json()
    assert read["user_metadata"] == {"name": "Augusta", "born": 1815}
    assert read["app_metadata"] == {"provider": "email", "providers": ["email"], "a": [1.5, None], "b": True}


def test_account_wants_an_email_or_a_phone(wire: Wire) -> None:
    assert refusal_of(wire.as_service("POST", "/admin/users", json={})) == (400, "validation_failed")


# Errors


def test_older_error_format_is_the_default(wire: Wire) -> None:
    response = wire.token("password", email=USER.email, password="another-password")
    assert response.status_code == 400
    assert response.json() == {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}
    assert response.headers["x-sb-error-code"] == "invalid_credentials"
    assert "x-supabase-api-version" not in response.headers


@pytest.mark.parametrize("version", ["2024-01-01", "2031-12-24"])
def test_newer_error_format_is_for_those_who_name_an_api_version(wire: Wire, version: str) -> None:
    response = wire.post(
        "/token?grant_type=password",
        json={"email": USER.email, "password": "another-password"},
        headers={"X-Supabase-Api-Version": version},
    )
    assert response.status_code == 400
    assert response.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}
    assert response.headers["x-sb-error-code"] == "invalid_credentials"
    assert response.headers["x-supabase-api-version"] == version


@pytest.mark.parametrize("version", ["2023-12-31", "newest", "2024", ""])
def test_earlier_or_unreadable_api_versions_get_the_older_format(wire: Wire, version: str) -> None:
    response = wire.post("/token?grant_type=magic", headers={"X-Supabase-Api-Version": version})
    assert refusal_of(response) == (400, "invalid_credentials")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "not json",
        "[]",
        '"text"',
        "null",
        "5",
        '{"email": "\\ud800@example.net"}',
        '{"email": "a\\u0000@example.net"}',
        '{"data": NaN}',
        '{"data": {"a": [1e999]}}',
        "[" * 100_000,
        b"\xff\xfe\xfd",
    ],
)
def test_body_that_is_no_storable_json_object_is_refused(wire: Wire, body: str | bytes) -> None:
    assert refusal_of(wire.post("/signup", content=body)) == (400, "bad_json")


@pytest.mark.parametrize("query", ["?grant_type=authorization_code", "?grant_type=", ""])
def test_unknown_grant_type_is_refused(wire: Wire, query: str) -> None:
    response = wire.post(f"/token{query}", json={})
    assert refusal_of(response) == (400, "invalid_credentials")
    assert response.json()["msg"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": "a-good-password"},
        {"email": USER.email, "phone": "+15550000000", "password": USER.password},
        {"email": ["user@example.com"], "password": USER.password},
        {"email": USER.email, "password": {"a": 1}},
    ],
)
def test_password_grant_wants_one_address(wire: Wire, body: dict[str, object]) -> None:
    response = wire.post("/token?grant_type=password", json=body)
    assert refusal_of(response) == (400, "validation_failed")


def test_account_without_a_password_is_like_an_unknown_one(wire: Wire, new_email: Callable[[], str]) -> None:
    email = new_email()
    wire.as_service("POST", "/admin/users", json={"email": email, "email_confirm": True})
    without, unknown = (
        wire.token("password", email=address, password="a-good-password") for address in (email, new_email())
    )
    assert refusal_of(without) == (400, "invalid_credentials")
    assert without.json() == unknown.json()


@pytest.mark.parametrize("form", [{}, NEWER])
def test_weak_password_is_refused_with_reasons_in_both_formats(
    wire: Wire, new_email: Callable[[], str], form: dict[str, str]
) -> None:
    response = wire.post("/signup", json={"email": new_email(), "password": "short"}, headers=form)
    assert response.status_code == 422
    assert response.headers["x-sb-error-code"] == "weak_password"
    assert response.json()["weak_password"] == {"reasons": ["length"]}


def test_weak_password_is_refused_wherever_one_is_set(wire: Wire, person: Somebody) -> None:
    access_token = wire.sign_in(person)["access_token"]
    one = wire.send("PUT", "/user", json={"password": "short"}, bearer=access_token)
    other = wire.as_service("PUT", f"/admin/users/{person.id}", json={"password": "short"})
    assert refusal_of(one) == refusal_of(other) == (422, "weak_password")
    assert wire.sign_in(person)


@pytest.mark.parametrize("email", ["no-address", "@example.net", "a b@example.net", "a@", f"{'a' * 250}@example.net"])
def test_email_that_is_none_is_refused(wire: Wire, email: str) -> None:
    response = wire.post("/signup", json={"email": email, "password": "a-good-password"})
    assert refusal_of(response) == (400, "validation_failed")


@pytest.mark.parametrize("phone", ["12345", "+1555abcdefg", "+" + "1" * 16])
def test_phone_that_is_none_is_refused(wire: Wire, phone: str) -> None:
    assert refusal_of(wire.post("/otp", json={"phone": phone})) == (400, "validation_failed")


# Access tokens


def test_access_token_has_exactly_the_claims_of_a_hosted_project(
    own_wire: Wire, own_person: Somebody, clock: SettableClock
) -> None:
    session = own_wire.sign_in(own_person)
    header, claims = opened(session["access_token"])
    (key,) = own_wire.get("/.well-known/jwks.json").json()["keys"]
    assert header == {"alg": "ES256", "typ": "JWT", "kid": key["kid"]}
    now = int(clock().timestamp())
    session_id = str(uuid.UUID(claims["session_id"]))
    assert claims == {
        "iss": f"{own_wire.supabase.url}/auth/v1",
        "sub": own_person.id,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "email": own_person.email,
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": session_id,
        "is_anonymous": False,
    }


def test_session_is_answered_as_a_hosted_project_does(
    own_wire: Wire, own_person: Somebody, clock: SettableClock
) -> None:
    response = own_wire.token("password", email=own_person.email, password=own_person.password)
    session = session_of(response)
    _, claims = opened(session["access_token"])
    assert response.headers["sb-auth-user-id"] == own_person.id
    assert response.headers["sb-auth-session-id"] == claims["session_id"]
    assert set(session) == {"access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"}
    assert (session["token_type"], session["expires_in"]) == ("bearer", 3600)
    assert session["expires_at"] == claims["exp"] == int(clock().timestamp()) + 3600
    assert len(session["refresh_token"]) == 12
    assert session["refresh_token"].isalnum()
    assert session["refresh_token"] == session["refresh_token"].lower()


def test_user_object_has_what_clients_read(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    user = wire.get("/user", bearer=session["access_token"]).json()
    assert user == session["user"]
    assert (
        user.items()
        >= {
            "id": person.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": person.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "is_anonymous": False,
        }.items()
    )
    assert user["email_confirmed_at"] == user["confirmed_at"] == user["created_at"] == user["last_sign_in_at"]
    assert not user.keys() & {"banned_until", "deleted_at", "factors", "password_hash"}
    (identity,) = user["identities"]
    assert (identity["user_id"], identity["provider"]) == (person.id, "email")
    assert identity["identity_data"]["email"] == person.email
    assert identity["identity_id"]


def test_access_token_is_refused_when_it_has_expired(
    own_wire: Wire, own_person: Somebody, clock: SettableClock
) -> None:
    session = own_wire.sign_in(own_person)
    clock.advance(seconds=3599)
    assert own_wire.get("/user", bearer=session["access_token"]).status_code == 200
    clock.advance(seconds=1)
    assert refusal_of(own_wire.get("/user", bearer=session["access_token"])) == (403, "bad_jwt")
    refreshed = session_of(own_wire.refresh(session["refresh_token"]))
    assert own_wire.get("/user", bearer=refreshed["access_token"]).status_code == 200


def test_request_without_a_bearer_is_unauthorized(wire: Wire) -> None:
    assert refusal_of(wire.get("/user")) == (401, "no_authorization")
    basic = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}
    assert refusal_of(wire.get("/user", headers=basic)) == (401, "no_authorization")


def test_access_token_that_was_not_signed_here_is_refused(wire: Wire, person: Somebody) -> None:
    good = wire.sign_in(person)["access_token"]
    header, claims = opened(good)
    start, payload, signature = good.split(".")
    forged = [
        "not-a-token",
        f"{start}.{payload}.",
        f"{start}.{payload}.{signature[::-1]}",
        f"{start}.{base64url(b'{}')}.{signature}",
        jws(header, claims, es256(ec_key(1))),
        jws({**header, "alg": "none"}, claims, constant(b"")),
        jws({"alg": "ES256", "typ": "JWT"}, claims, es256(ec_key(1))),
        f"{base64url(b'[' * 20_000)}.{payload}.{signature}",
    ]
    for token in forged:
        assert refusal_of(wire.get("/user", bearer=token)) == (403, "bad_jwt"), token[:80]
    assert wire.get("/user", bearer=good).status_code == 200


def test_access_token_of_another_project_is_refused(wire: Wire, own_wire: Wire, own_person: Somebody) -> None:
    foreign = own_wire.sign_in(own_person)["access_token"]
    assert refusal_of(wire.get("/user", bearer=foreign)) == (403, "bad_jwt")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/user", None),
        ("PUT", "/user", {"data": {"a": 1}}),
        ("POST", "/logout", None),
        ("POST", "/factors", {"factor_type": "totp"}),
        ("POST", f"/factors/{NOBODY}/challenge", None),
        ("POST", f"/factors/{NOBODY}/verify", {"challenge_id": NOBODY, "code": "000000"}),
        ("DELETE", f"/factors/{NOBODY}", None),
    ],
)
def test_access_token_opens_nothing_after_signing_out(
    wire: Wire, person: Somebody, method: str, path: str, body: dict[str, object] | None
) -> None:
    access_token = wire.sign_in(person)["access_token"]
    signed_out = wire.post("/logout", bearer=access_token)
    assert (signed_out.status_code, signed_out.content) == (204, b"")
    response = wire.send(method, path, json=body, bearer=access_token)
    assert refusal_of(response) == (403, "session_not_found")


def test_unknown_scope_of_signing_out_ends_nothing(wire: Wire, person: Somebody) -> None:
    access_token = wire.sign_in(person)["access_token"]
    assert refusal_of(wire.post("/logout?scope=all", bearer=access_token)) == (400, "validation_failed")
    assert wire.get("/user", bearer=access_token).status_code == 200


# Refresh tokens


@pytest.mark.parametrize("body", [{}, {"refresh_token": ""}, {"refresh_token": 5}])
def test_refresh_wants_a_token(wire: Wire, body: dict[str, object]) -> None:
    assert refusal_of(wire.post("/token?grant_type=refresh_token", json=body)) == (400, "validation_failed")


def test_refreshed_session_says_when_the_person_signed_in(
    own_wire: Wire, own_person: Somebody, clock: SettableClock
) -> None:
    first = own_wire.sign_in(own_person)
    clock.advance(minutes=50)
    second = session_of(own_wire.refresh(first["refresh_token"]))
    (_, before), (_, after) = opened(first["access_token"]), opened(second["access_token"])
    assert after["iat"] == before["iat"] + 3000
    assert after["exp"] == before["exp"] + 3000
    assert {**after, "iat": 0, "exp": 0} == {**before, "iat": 0, "exp": 0}


async def test_refreshes_at_the_same_time_all_get_the_same_token(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    async with httpx.AsyncClient(verify=NO_TLS, timeout=20) as http:
        request = {
            "params": {"grant_type": "refresh_token"},
            "headers": {"apikey": wire.supabase.stand_in.publishable_key},
            "json": {"refresh_token": session["refresh_token"]},
        }
        responses = await asyncio.gather(*(http.post(f"{wire.issuer}/token", **request) for _ in range(10)))  # type: ignore[arg-type]
    (active,) = {session_of(response)["refresh_token"] for response in responses}
    assert active != session["refresh_token"]
    assert wire.refresh(active).status_code == 200


def test_refresh_brings_the_account_as_it_is_now(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    wire.as_service("PUT", f"/admin/users/{person.id}", json={"app_metadata": {"team": "engines"}})
    _, claims = opened(session_of(wire.refresh(session["refresh_token"]))["access_token"])
    assert claims["app_metadata"]["team"] == "engines"


# Codes


def test_code_works_for_an_hour(own_wire: Wire, own_person: Somebody, clock: SettableClock) -> None:
    own_wire.post("/otp", json={"email": own_person.email})
    code = own_wire.supabase.stand_in.messages[own_person.email]["code"]
    given = {"email": own_person.email, "token": code, "type": "email"}
    clock.advance(seconds=3601)
    assert refusal_of(own_wire.post("/verify", json=given)) == (403, "otp_expired")
    clock.advance(seconds=-1)
    _, claims = opened(session_of(own_wire.post("/verify", json=given))["access_token"])
    assert claims["amr"][0]["method"] == "otp"


def test_wrong_code_is_refused_and_the_right_one_still_works(wire: Wire, person: Somebody) -> None:
    wire.post("/otp", json={"email": person.email})
    code = wire.supabase.stand_in.messages[person.email]["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for token in (wrong, code[:5], "١٢٣٤٥٦"):
        response = wire.post("/verify", json={"email": person.email, "token": token, "type": "email"})
        assert refusal_of(response) == (403, "otp_expired")
    assert wire.post("/verify", json={"email": person.email, "token": code, "type": "email"}).status_code == 200


def test_code_of_one_person_is_no_code_of_another(wire: Wire, new_person: Callable[[], Somebody]) -> None:
    one, other = new_person(), new_person()
    wire.post("/otp", json={"email": one.email})
    code = wire.supabase.stand_in.messages[one.email]["code"]
    response = wire.post("/verify", json={"email": other.email, "token": code, "type": "email"})
    assert refusal_of(response) == (403, "otp_expired")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "email"},
        {"email": USER.email, "type": "email"},
        {"email": USER.email, "token": "123456"},
        {"email": USER.email, "phone": "+15550000000", "token": "123456", "type": "email"},
        {"email": USER.email, "token": 123456, "type": "email"},
    ],
)
def test_verification_wants_all_of_its_parts(wire: Wire, body: dict[str, object]) -> None:
    assert refusal_of(wire.post("/verify", json=body)) == (400, "validation_failed")


def test_messages_can_be_read_from_another_process_with_the_secret_key(wire: Wire, person: Somebody) -> None:
    wire.post("/otp", json={"email": person.email})
    message = wire.local("GET", "/messages").json()[person.email]
    assert message["type"] == "magiclink"
    assert message["code"].isdecimal()
    assert message["link"].startswith(f"{wire.issuer}/verify?token={message['token_hash']}&")
    refused = wire.get(f"{wire.supabase.url}/_local/messages")
    assert refusal_of(refused) == (403, "not_admin")


def test_followed_link_brings_a_session_in_the_fragment(wire: Wire, person: Somebody) -> None:
    wire.post("/otp?redirect_to=http://127.0.0.1:3000/back", json={"email": person.email})
    link = wire.supabase.stand_in.messages[person.email]["link"]
    location = urlsplit(wire.get(link, headers={"apikey": None}).headers["location"])
    assert location._replace(fragment="").geturl() == "http://127.0.0.1:3000/back"
    fragment = parse_qs(location.fragment, keep_blank_values=True)
    assert fragment["type"] == ["magiclink"]
    assert fragment["token_type"] == ["bearer"]
    assert fragment["sb"] == [""]
    (access_token,) = fragment["access_token"]
    assert wire.get("/user", bearer=access_token).json()["id"] == person.id


def test_link_that_was_followed_before_brings_an_error_in_query_and_fragment(wire: Wire, person: Somebody) -> None:
    wire.post("/otp?redirect_to=http://127.0.0.1:3000/back?from=mail", json={"email": person.email})
    link = wire.supabase.stand_in.messages[person.email]["link"]
    wire.get(link)
    location = urlsplit(wire.get(link).headers["location"])
    expected = {
        "error": ["access_denied"],
        "error_code": ["otp_expired"],
        "error_description": ["Token has expired or is invalid"],
    }
    assert parse_qs(location.query) == {"from": ["mail"], **expected}
    assert parse_qs(location.fragment, keep_blank_values=True) == {**expected, "sb": [""]}


def test_code_of_a_link_survives_a_challenge_that_no_verifier_meets(wire: Wire, person: Somebody) -> None:
    wire.post("/otp", json={"email": person.email, "code_challenge": "\u0660" * 43, "code_challenge_method": "s256"})
    location = wire.get(wire.supabase.stand_in.messages[person.email]["link"]).headers["location"]
    (code,) = parse_qs(urlsplit(location).query)["code"]
    refused = wire.token("pkce", auth_code=code, code_verifier=VERIFIER)
    assert refusal_of(refused) == (400, "bad_code_verifier")


# Social sign-in


def authorized(wire: Wire, **query: str) -> str:
    """The `state` that the provider gets."""
    response = wire.get("/authorize", params={"provider": "github", **query}, headers={"apikey": None})
    assert response.status_code == 302
    location = urlsplit(response.headers["location"])
    assert location.path == "/_local/github"
    (state,) = parse_qs(location.query)["state"]
    return state


def returned(wire: Wire, state: str, code: str = USER.id) -> str:
    """Where the browser goes when the provider is done."""
    response = wire.get("/callback", params={"state": state, "code": code}, headers={"apikey": None})
    assert response.status_code == 302, response.text
    return str(response.headers["location"])


def test_state_is_a_uuid_and_works_once(wire: Wire) -> None:
    state = authorized(wire)
    assert str(uuid.UUID(state)) == state
    returned(wire, state)
    response = wire.get("/callback", params={"state": state, "code": USER.id})
    assert refusal_of(response) == (400, "bad_oauth_state")


def test_state_expires(own_wire: Wire, clock: SettableClock) -> None:
    state = authorized(own_wire)
    clock.advance(seconds=301)
    response = own_wire.get("/callback", params={"state": state, "code": USER.id})
    assert refusal_of(response) == (400, "bad_oauth_state")


@pytest.mark.parametrize("provider", ["google", "", "GITHUB"])
def test_provider_that_is_not_enabled_is_refused(wire: Wire, provider: str) -> None:
    assert refusal_of(wire.get("/authorize", params={"provider": provider})) == (400, "validation_failed")


@pytest.mark.parametrize(
    "query",
    [
        {"code_challenge": CHALLENGE},
        {"code_challenge_method": "s256"},
        {"code_challenge": "c" * 42, "code_challenge_method": "s256"},
        {"code_challenge": "c" * 129, "code_challenge_method": "s256"},
        {"code_challenge": "\u0660" * 43, "code_challenge_method": "s256"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "s512"},
    ],
)
def test_code_challenge_and_its_method_come_together(wire: Wire, query: dict[str, str]) -> None:
    response = wire.get("/authorize", params={"provider": "github", **query})
    assert refusal_of(response) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("http://127.0.0.1:8000/back", "http://127.0.0.1:8000/back"),
        ("http://127.0.0.1:3000/back", "http://127.0.0.1:3000/back"),
        ("http://localhost:5173/", "http://localhost:5173/"),
        ("https://evil.example/back", "http://127.0.0.1:8000"),
        ("http://127.0.0.1.evil.example/", "http://127.0.0.1:8000"),
        ("http://127.0.0.1@evil.example/", "http://127.0.0.1:8000"),
        ("javascript://localhost/%0aalert(1)", "http://127.0.0.1:8000"),
        ("//evil.example", "http://127.0.0.1:8000"),
        ("/back", "http://127.0.0.1:8000"),
        ("http://[", "http://127.0.0.1:8000"),
    ],
)
def test_browser_is_sent_to_the_site_or_this_machine_and_nowhere_else(wire: Wire, wanted: str, given: str) -> None:
    location = returned(wire, authorized(wire, redirect_to=wanted))
    assert urlsplit(location)._replace(fragment="").geturl() == given


def test_code_keeps_the_query_that_an_address_has(wire: Wire) -> None:
    state = authorized(
        wire,
        redirect_to="http://127.0.0.1:3000/?next=/a%20b#top",
        code_challenge=CHALLENGE,
        code_challenge_method="s256",
    )
    location = urlsplit(returned(wire, state))
    assert location.fragment == ""
    assert location.query.startswith("next=/a%20b&code=")


def test_sign_in_without_pkce_brings_a_session_in_the_fragment(wire: Wire) -> None:
    location = urlsplit(returned(wire, authorized(wire, redirect_to="http://127.0.0.1:3000/back")))
    fragment = parse_qs(location.fragment, keep_blank_values=True)
    assert set(fragment) == {
        *("access_token", "expires_at", "expires_in", "provider_token", "refresh_token", "sb", "token_type")
    }
    (access_token,) = fragment["access_token"]
    assert wire.get("/user", bearer=access_token).json()["id"] == USER.id


def auth_code(wire: Wire) -> str:
    location = returned(wire, authorized(wire, code_challenge=CHALLENGE, code_challenge_method="s256"))
    (code,) = parse_qs(urlsplit(location).query)["code"]
    return code


def test_code_is_exchanged_once_with_its_verifier(wire: Wire) -> None:
    code = auth_code(wire)
    assert str(uuid.UUID(code)) == code
    refused = wire.token("pkce", auth_code=code, code_verifier="w" * 43)
    assert refusal_of(refused) == (400, "bad_code_verifier")
    session = session_of(wire.token("pkce", auth_code=code, code_verifier=VERIFIER))
    assert session["user"]["id"] == USER.id
    assert session["provider_token"]
    replayed = wire.token("pkce", auth_code=code, code_verifier=VERIFIER)
    assert refusal_of(replayed) == (404, "flow_state_not_found")


def test_code_expires_after_five_minutes(own_wire: Wire, clock: SettableClock) -> None:
    code = auth_code(own_wire)
    clock.advance(seconds=301)
    late = own_wire.token("pkce", auth_code=code, code_verifier=VERIFIER)
    assert refusal_of(late) == (422, "flow_state_expired")
    clock.advance(seconds=-1)
    assert own_wire.token("pkce", auth_code=code, code_verifier=VERIFIER).status_code == 200


@pytest.mark.parametrize("body", [{}, {"auth_code": NOBODY}, {"code_verifier": VERIFIER}, {"auth_code": 1}])
def test_exchange_wants_code_and_verifier(wire: Wire, body: dict[str, object]) -> None:
    assert refusal_of(wire.post("/token?grant_type=pkce", json=body)) == (400, "validation_failed")


def test_banned_person_gets_no_session_from_a_provider(own_wire: Wire) -> None:
    code = auth_code(own_wire)
    own_wire.as_service("PUT", f"/admin/users/{USER.id}", json={"ban_duration": "1h"})
    refused = own_wire.token("pkce", auth_code=code, code_verifier=VERIFIER)
    assert refusal_of(refused) == (400, "user_banned")


def test_provider_that_names_nobody_we_know_is_refused(wire: Wire) -> None:
    response = wire.get("/callback", params={"state": authorized(wire), "code": NOBODY})
    assert refusal_of(response) == (400, "bad_oauth_callback")


def test_state_on_the_page_of_the_provider_is_text(wire: Wire) -> None:
    page = wire.get(f"{wire.supabase.url}/_local/github", params={"state": '"><script>alert(1)</script>'})
    assert "<script>" not in page.text
    assert page.text.count("<button") == len(DEMO_ACCOUNTS)


# Discovery


def test_health_names_the_service(wire: Wire) -> None:
    health = wire.get("/health").json()
    assert set(health) == {"version", "name", "description"}
    assert health["name"] == "GoTrue"


def test_settings_say_what_is_switched_on(wire: Wire) -> None:
    settings = wire.get("/settings").json()
    external = settings.pop("external")
    assert {name for name, enabled in external.items() if enabled} == {"email", "github", "phone"}
    assert external["anonymous_users"] is False
    assert external["google"] is False
    assert settings == {
        "disable_signup": False,
        "mailer_autoconfirm": True,
        "phone_autoconfirm": False,
        "sms_provider": "twilio",
        "saml_enabled": False,
        "saml_private_key_next_configured": False,
        "passkeys_enabled": False,
    }


def test_key_set_is_public_and_may_be_kept_for_ten_minutes(wire: Wire) -> None:
    response = wire.get("/.well-known/jwks.json", headers={"apikey": None})
    assert response.headers["cache-control"] == "public, max-age=600"
    (key,) = response.json()["keys"]
    assert key.items() >= {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "key_ops": ["verify"]}.items()
    assert set(key) == {"kty", "crv", "alg", "use", "key_ops", "kid", "x", "y"}


def test_metadata_names_the_issuer_of_the_tokens(wire: Wire, person: Somebody) -> None:
    metadata = wire.get("/.well-known/openid-configuration", headers={"apikey": None}).json()
    _, claims = opened(wire.sign_in(person)["access_token"])
    assert metadata["issuer"] == claims["iss"]
    assert metadata["jwks_uri"] == f"{wire.issuer}/.well-known/jwks.json"
    assert metadata["code_challenge_methods_supported"] == ["S256", "plain"]
    assert not metadata.keys() & {"revocation_endpoint", "introspection_endpoint"}
    assert "authorization_response_iss_parameter_supported" not in metadata


def test_pages_of_any_origin_may_call(wire: Wire) -> None:
    response = wire.send(
        "OPTIONS",
        "/token?grant_type=password",
        headers={
            "apikey": None,
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "apikey,authorization,content-type,x-supabase-api-version",
        },
    )
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    allowed = response.headers["access-control-allow-headers"]
    assert {"apikey", "authorization"} <= {name.strip().lower() for name in allowed.split(",")}


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of an access token, unverified."""
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
