"""A bad day can be had on demand, over HTTP or in the process, and it ends when one says so."""

from collections.abc import Iterator

import httpx
import jwt
import pytest

from tests.servers.local_supabase.wire import Somebody, Wire, refusal_of, session_of

# Which of them depends on how much of the request was read by then.
HUNG_UP = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


@pytest.fixture(autouse=True)
def _good_day_afterwards(wire: Wire) -> Iterator[None]:
    yield
    wire.supabase.stand_in.faults.clear()


def plant(wire: Wire, fault: str, **more: object) -> None:
    response = wire.local("PUT", "/faults", json={"fault": fault, **more})
    assert response.status_code == 200, response.text


def clear(wire: Wire) -> None:
    assert wire.local("DELETE", "/faults").status_code == 204


def test_down_hangs_up_without_an_answer(wire: Wire, person: Somebody) -> None:
    plant(wire, "down")
    with pytest.raises(HUNG_UP):
        wire.get("/health")
    with pytest.raises(HUNG_UP):
        wire.sign_in(person)
    clear(wire)
    assert wire.sign_in(person)["user"]["id"] == person.id


def test_nothing_happens_behind_a_fault(wire: Wire, person: Somebody) -> None:
    session = wire.sign_in(person)
    plant(wire, "500")
    assert wire.post("/logout", bearer=session["access_token"]).status_code == 500
    clear(wire)
    assert wire.get("/user", bearer=session["access_token"]).status_code == 200


def test_slow_answers_late_but_well(wire: Wire, person: Somebody) -> None:
    plant(wire, "slow", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        wire.get("/health", timeout=0.1)
    response = wire.token("password", email=person.email, password=person.password)
    assert response.elapsed.total_seconds() >= 0.3
    assert session_of(response)["user"]["id"] == person.id
    clear(wire)
    assert wire.get("/health", timeout=5).elapsed.total_seconds() < 0.3


def test_500_is_an_error_of_supabase_with_its_number(wire: Wire, person: Somebody) -> None:
    plant(wire, "500")
    response = wire.token("password", email=person.email, password=person.password)
    assert refusal_of(response) == (500, "unexpected_failure")
    assert response.json()["error_id"]
    clear(wire)
    assert wire.sign_in(person)


def test_429_says_when_to_come_again(wire: Wire, person: Somebody) -> None:
    plant(wire, "429")
    response = wire.token("password", email=person.email, password=person.password)
    assert refusal_of(response) == (429, "over_request_rate_limit")
    assert response.headers["retry-after"] == "60"
    clear(wire)
    assert wire.sign_in(person)


@pytest.mark.parametrize("status", [200, 502])
def test_html_comes_where_json_belongs(wire: Wire, person: Somebody, status: int) -> None:
    plant(wire, "html", status=status)
    response = wire.token("password", email=person.email, password=person.password)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        response.json()
    clear(wire)
    assert wire.sign_in(person)


def test_fault_of_one_path_leaves_the_others(wire: Wire, person: Somebody) -> None:
    plant(wire, "500", paths=["/token", "/.well-known"])
    assert wire.token("password", email=person.email, password=person.password).status_code == 500
    assert wire.get("/.well-known/jwks.json").status_code == 500
    assert wire.get("/settings").status_code == 200
    assert wire.local("GET", "/faults").json() == {"/token": "500", "/.well-known": "500"}
    clear(wire)
    assert wire.local("GET", "/faults").json() == {}


def test_later_fault_replaces_the_earlier(wire: Wire) -> None:
    plant(wire, "500")
    plant(wire, "429")
    assert wire.get("/health").status_code == 429


def test_faults_are_planted_in_the_process_too(wire: Wire) -> None:
    wire.supabase.stand_in.faults.set("html", paths=["/health"], status=503)
    assert wire.get("/health").status_code == 503
    wire.supabase.stand_in.faults.clear()
    assert wire.get("/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fault": "rain"},
        {"fault": ["down"]},
        {"fault": "down", "paths": "/token"},
        {"fault": "down", "paths": [1]},
        {"fault": "slow", "seconds": "2"},
        {"fault": "html", "status": 2.5},
        {"fault": "html", "status": 7},
        {"fault": "slow", "seconds": -1},
    ],
)
def test_fault_that_does_not_exist_is_refused_and_not_planted(wire: Wire, body: dict[str, object]) -> None:
    assert refusal_of(wire.local("PUT", "/faults", json=body)) == (400, "validation_failed")
    assert wire.local("GET", "/faults").json() == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/faults"),
        ("PUT", "/faults"),
        ("DELETE", "/faults"),
        ("POST", "/rotate-keys"),
        ("GET", "/messages"),
        ("GET", "/requests"),
    ],
)
def test_switches_want_the_secret_key(wire: Wire, method: str, path: str) -> None:
    plant(wire, "500")
    url = f"{wire.supabase.url}/_local{path}"
    body = {"fault": "down"} if method == "PUT" else None
    assert refusal_of(wire.send(method, url, json=body)) == (403, "not_admin")
    assert refusal_of(wire.send(method, url, json=body, headers={"apikey": None})) == (401, "no_authorization")
    assert wire.local("GET", "/faults").json() == {"": "500"}


def test_rotated_key_signs_and_the_old_one_goes_on_verifying(own_wire: Wire, own_person: Somebody) -> None:
    before = own_wire.sign_in(own_person)["access_token"]
    (old,) = own_wire.get("/.well-known/jwks.json").json()["keys"]
    assert len(own_wire.local("POST", "/rotate-keys").json()["keys"]) == 2
    published = own_wire.get("/.well-known/jwks.json").json()["keys"]
    (new,) = [key for key in published if key["kid"] != old["kid"]]
    assert old in published
    after = own_wire.sign_in(own_person)["access_token"]
    assert jwt.get_unverified_header(before)["kid"] == old["kid"]
    assert jwt.get_unverified_header(after)["kid"] == new["kid"]
    for token, key in ((before, old), (after, new)):
        assert jwt.decode(token, jwt.PyJWK(key).key, algorithms=["ES256"], audience="authenticated")
        assert own_wire.get("/user", bearer=token).status_code == 200


def test_requests_are_counted_by_path(own_wire: Wire) -> None:
    own_wire.get("/health")
    own_wire.get("/health", params={"a": 1})
    own_wire.get("/settings")
    assert own_wire.local("GET", "/requests").json() == {"/health": 2, "/settings": 1}
