"""Whatever is sent, the answer is below 500, and an error is JSON of Supabase's kind."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.local_supabase import DEMO_ACCOUNTS
from tests.servers.local_supabase.wire import Somebody, Wire, session_of
from tests.support.clock import SettableClock
from tests.support.gateway import RunningSupabase, running_supabase

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NIL = str(uuid.UUID(int=0))

# Values that get past the first checks, so that the later ones are reached.
FITTING: Mapping[str, Sequence[object]] = {
    "email": ["somebody@example.net", "else@example.net", DEMO_ACCOUNTS[0].email, "\u0130@example.net"],
    "phone": ["+15550123456", "15550123457"],
    "password": ["a-good-password", "p\u00e4ssw\u00f6rd"],
    "type": ["email", "magiclink", "recovery", "sms"],
    "token": ["123456", "\u0660" * 6],
    "token_hash": ["a" * 56],
    "create_user": [True, False],
    "code_challenge": ["c" * 43, "\u0660" * 43],
    "code_challenge_method": ["s256", "S256", "plain"],
    "factor_type": ["totp"],
    "challenge_id": [NIL],
    "code": ["000000", "\u0660" * 6, DEMO_ACCOUNTS[0].id],
    "refresh_token": ["abcdefghij12"],
    "auth_code": [NIL],
    "code_verifier": ["v" * 43, "\u0660" * 43],
    "email_confirm": [True],
    "phone_confirm": [True],
    "ban_duration": ["24h", "none", "999999h999999m999999s"],
    "should_soft_delete": [True],
    "provider": ["github"],
    "redirect_to": [
        "http://127.0.0.1/?a=b#c",
        "http://[::1",
        "http://localhost:99999999",
        "javascript://localhost/%0a",
    ],
    "state": [NIL],
    "scope": ["global", "local", "others"],
    "grant_type": ["password", "refresh_token", "pkce"],
    "page": ["1", "0", "-1", "9" * 30, "\u0663", "1_0"],
    "per_page": ["1", "0", "-1", "9" * 30],
    "fault": ["slow", "html", "500"],
    "paths": [["/nowhere"]],
    "seconds": [0, 0.5],
    "status": [200, 599],
}

texts = st.text(max_size=20) | st.sampled_from(["", "\0", "\ud800", "%", "\\u0000", "a" * 5000])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(10**400)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
metadata = st.fixed_dictionaries({}, optional=dict.fromkeys(("provider", "providers", "a"), values)) | values


def objects_of(*members: str) -> st.SearchStrategy[dict[str, Any]]:
    """Each member is there or not; it is half of the time what it should be."""

    def value_of(name: str) -> st.SearchStrategy[object]:
        return st.sampled_from(FITTING[name]) | values if name in FITTING else metadata

    return st.fixed_dictionaries({}, optional={name: value_of(name) for name in members})


def bodies_of(*members: str) -> st.SearchStrategy[bytes]:
    """Mostly JSON objects with these members; other JSON; anything."""
    objects = objects_of(*members)
    return st.one_of(
        objects.map(lambda value: json.dumps(value).encode()),
        objects.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
        objects.map(lambda value: json.dumps(value).encode()),
        values.map(lambda value: json.dumps(value).encode()),
        st.binary(max_size=40),
        st.sampled_from([b"", b"{", b"[" * 5000, b'{"email":' * 5000, b"\xff\xfe{\x00}\x00"]),
    )


def queries_of(*names: str) -> st.SearchStrategy[dict[str, str]]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    fitting = {name: st.sampled_from([str(value) for value in FITTING[name]]) | text for name in names}
    return st.fixed_dictionaries({}, optional=fitting)


RAW_QUERIES = st.binary(max_size=30).map(
    lambda raw: "".join(f"%{byte:02x}" if byte % 3 else "&=%"[byte % 2] for byte in raw)
)
IDS = [DEMO_ACCOUNTS[2].id, NIL, str(uuid.UUID(int=1)).upper(), "{}", "%00", "%ff%fe", "0" * 500]
ACCOUNT = (
    "email",
    "phone",
    "password",
    "app_metadata",
    "user_metadata",
    "email_confirm",
    "phone_confirm",
    "ban_duration",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person with a factor, at a stand-in where nobody minds what happens to the data."""

    wire: Wire
    access_token: str
    factor_id: str

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        return self.wire.send(method, path, bearer=self.access_token, **more)


@pytest.fixture(scope="module")
def _battered_supabase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path_factory.mktemp("battered") / "data", SettableClock()) as running:
        yield running


@pytest.fixture
def caller(_battered_supabase: RunningSupabase, new_email: Callable[[], str]) -> Iterator[Caller]:
    with Wire(_battered_supabase) as wire:
        session = session_of(wire.post("/signup", json={"email": new_email(), "password": "a-good-password"}))
        factor = session_of(wire.post("/factors", json={"factor_type": "totp"}, bearer=session["access_token"]))
        yield Caller(wire, session["access_token"], factor["id"])


def check(response: httpx.Response) -> None:
    """Is it an answer that clients can read?"""
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        body = response.json()
        assert body["code"] == response.status_code
        assert body["error_code"] == response.headers["x-sb-error-code"]
        assert body["msg"]
    elif response.is_redirect:
        assert response.headers["location"].startswith(("http://127.0.0.1", "http://localhost"))
    elif response.status_code == 200:
        assert isinstance(response.json(), dict)
    else:
        assert response.status_code == 204


@pytest.mark.parametrize(
    ("grant_type", "members"),
    [
        ("password", ("email", "phone", "password")),
        ("refresh_token", ("refresh_token",)),
        ("pkce", ("auth_code", "code_verifier")),
        ("id_token", ("token",)),
    ],
)
@FEW
@given(data=st.data())
def test_token_reads_any_body(caller: Caller, grant_type: str, members: Sequence[str], data: st.DataObject) -> None:
    check(caller.wire.post(f"/token?grant_type={grant_type}", content=data.draw(bodies_of(*members))))


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/signup", ("email", "phone", "password", "data")),
        ("/otp", ("email", "phone", "create_user", "data", "code_challenge")),
        ("/magiclink", ("email", "phone", "create_user", "data", "code_challenge")),
        ("/recover", ("email", "phone", "code_challenge")),
        ("/resend", ("email", "phone", "type")),
        ("/verify", ("email", "phone", "token", "token_hash", "type")),
    ],
)
@FEW
@given(data=st.data(), query=queries_of("redirect_to"))
def test_endpoints_for_everybody_read_any_body(
    caller: Caller, path: str, members: Sequence[str], data: st.DataObject, query: Mapping[str, str]
) -> None:
    check(caller.wire.post(path, content=data.draw(bodies_of(*members)), params=query))


@pytest.mark.parametrize(
    ("method", "path", "members"),
    [
        ("GET", "/user", ("email",)),
        ("PUT", "/user", ("email", "phone", "password", "data")),
        ("POST", "/factors", ("factor_type", "friendly_name")),
        ("POST", "/factors/{}/challenge", ("code",)),
        ("POST", "/factors/{}/verify", ("challenge_id", "code")),
    ],
)
@FEW
@given(data=st.data())
def test_endpoints_of_a_person_read_any_body(
    caller: Caller, method: str, path: str, members: Sequence[str], data: st.DataObject
) -> None:
    check(caller.send(method, path.format(caller.factor_id), content=data.draw(bodies_of(*members))))


@pytest.mark.parametrize("path", ["/logout", "/token", "/verify", "/otp"])
@FEW
@given(query=RAW_QUERIES)
def test_any_query_is_read(caller: Caller, path: str, query: str) -> None:
    check(caller.send("POST", f"{path}?{query}", content=b'{"email": "a@example.net"}'))


@pytest.mark.parametrize("factor_id", IDS)
@FEW
@given(body=bodies_of("challenge_id", "code"))
def test_any_factor_is_looked_for(caller: Caller, factor_id: str, body: bytes) -> None:
    check(caller.send("POST", f"/factors/{factor_id}/challenge", content=body))
    check(caller.send("POST", f"/factors/{factor_id}/verify", content=body))
    check(caller.send("DELETE", f"/factors/{factor_id}", content=body))


@FEW
@given(body=bodies_of(*ACCOUNT))
def test_administration_makes_accounts_of_any_body(caller: Caller, body: bytes) -> None:
    check(caller.wire.as_service("POST", "/admin/users", content=body))
    check(caller.wire.as_service("GET", "/admin/users"))


@pytest.mark.parametrize("user_id", IDS)
@FEW
@given(body=bodies_of(*ACCOUNT, "should_soft_delete"))
def test_administration_reads_any_body_about_anybody(caller: Caller, user_id: str, body: bytes) -> None:
    for method in ("PUT", "GET", "DELETE"):
        check(caller.wire.as_service(method, f"/admin/users/{user_id}", content=body))


@FEW
@given(body=objects_of("app_metadata", "user_metadata"))
def test_person_with_any_metadata_still_signs_in(caller: Caller, body: Mapping[str, object]) -> None:
    account = DEMO_ACCOUNTS[0]
    check(caller.wire.as_service("PUT", f"/admin/users/{account.id}", content=json.dumps(body)))
    caller.wire.sign_in(Somebody(account.id, account.email, account.password))
    state = caller.wire.get("/authorize?provider=github").headers["location"].partition("state=")[2]
    check(caller.wire.get("/callback", params={"state": state, "code": account.id}))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/authorize", ("provider", "redirect_to", "code_challenge", "code_challenge_method", "scope")),
        ("/callback", ("state", "code")),
        ("/verify", ("token", "type", "redirect_to")),
        ("/settings", ("type",)),
        ("/health", ("type",)),
        ("/.well-known/jwks.json", ("type",)),
        ("/.well-known/openid-configuration", ("type",)),
    ],
)
@FEW
@given(data=st.data())
def test_pages_that_are_linked_to_read_any_query(
    caller: Caller, path: str, names: Sequence[str], data: st.DataObject
) -> None:
    check(caller.wire.get(path, params=data.draw(queries_of(*names))))


@FEW
@given(query=queries_of("redirect_to"), email=st.sampled_from(["a@example.net", DEMO_ACCOUNTS[0].email]))
def test_link_leads_back_whatever_was_asked_for(caller: Caller, query: Mapping[str, str], email: str) -> None:
    check(caller.wire.post("/otp", json={"email": email}, params=query))
    check(caller.wire.get(caller.wire.supabase.stand_in.messages[email]["link"]))


@FEW
@given(query=queries_of("page", "per_page"))
def test_list_of_accounts_reads_any_query(caller: Caller, query: Mapping[str, str]) -> None:
    check(caller.wire.as_service("GET", "/admin/users", params=query))


@FEW
@given(
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    version=st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"]), max_size=12),
)
def test_any_header_is_read(caller: Caller, token: str, version: str) -> None:
    headers: dict[str, str | bytes | None] = {
        "X-Supabase-Api-Version": version.encode("latin-1"),
        "Authorization": f"Bearer {token}",
    }
    response = caller.wire.get("/user", headers=headers)
    check(response)
    assert response.status_code == 403


@FEW
@given(body=bodies_of("fault", "paths", "seconds", "status"))
def test_switch_for_faults_reads_any_body(caller: Caller, body: bytes) -> None:
    check(caller.wire.local("PUT", "/faults", content=body))
    assert caller.wire.local("DELETE", "/faults").status_code == 204
