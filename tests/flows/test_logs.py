"""What the log of a production process says, and what it never says."""

import contextlib
import json
from typing import Any

import httpx
import pytest

from tests.support.browser import Browser, forms
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import SECRET, USER, RunningSupabase, running_supabase, settings_for
from tests.support.live_server import bind
from tests.support.log_scan import secrets_in
from tests.support.processes import port_of, serving
from tests.support.raw_client import RawClient, answer_of

WRONG_PASSWORD = "canary-of-a-wrong-password"


class Seen:
    """Secrets that a whole life of a grant shows to those whom they are for."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def note(self, **secrets: str) -> None:
        self.secrets.update(secrets)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate, seen: Seen) -> list[str]:
    """The lines of a process that has seen a sign-in, a refresh, a revocation, and much that it refused."""
    folder = tmp_path_factory.mktemp("log")
    listening, url = bind()
    listening.close()
    with (
        running_supabase(folder / "supabase", SettableClock()) as supabase,
        sqlite_template.database(folder) as database_url,
        (folder / "log").open("wb") as file,
        serving(settings_for(url, database_url, supabase), port_of(url), log=file),
    ):
        use(url, supabase, seen)
    return (folder / "log").read_text().splitlines()


def use(url: str, supabase: RunningSupabase, seen: Seen) -> None:
    with contextlib.closing(RawClient(url)) as client, contextlib.closing(Browser(url)) as browser:
        client.register(token_endpoint_auth_method="client_secret_post")
        secret = str(client.client_secret)
        page = browser.get(client.authorization_url(state="canary-of-a-state"))
        page = browser.sign_in(page, USER.email, WRONG_PASSWORD)
        page = browser.sign_in(page, USER.email, USER.password)
        seen.note(csrf=next(form for form in forms(page)).fields["csrf"])
        seen.note(**{f"cookie {cookie.name}": str(cookie.value) for cookie in browser.http.cookies.jar})
        code = answer_of(browser.decide(page))["code"]
        tokens = client.redeem(code, client_secret=secret).json()
        client.call_tool(tokens["access_token"])
        client.call_tool(tokens["access_token"], path=f"/mcp?access_token={tokens['access_token']}")
        client.call_tool(f"{tokens['access_token']}tampered")
        client.call_tool(tokens["access_token"], path="/mcp-admin")
        client.redeem(code, client_secret=secret)
        client.redeem("ac_canary", client_secret="canary-of-a-client-secret")
        newer = client.refresh("rt_canary", client_secret=secret)
        client.http.get(f"{url}/no/such/path?token={tokens['refresh_token']}")
        client.revoke(tokens["refresh_token"], client_secret=secret)
        session = supabase_session(supabase)
        client.http.get(f"{url}/api/v1/users/me", headers={"Authorization": f"Bearer {session['access_token']}"})
        seen.note(
            root_secret=SECRET,
            password=USER.password,
            wrong_password=WRONG_PASSWORD,
            client_secret=secret,
            verifier=client.verifier,
            state="canary-of-a-state",
            code=code,
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            guessed="canary-of-a-client-secret",
            supabase_key=supabase.stand_in.secret_key,
            supabase_session=session["access_token"],
            supabase_refresh_token=session["refresh_token"],
        )
        assert newer.status_code == 400


def supabase_session(supabase: RunningSupabase) -> dict[str, Any]:
    response = httpx.post(
        f"{supabase.url}/auth/v1/token?grant_type=password",
        json={"email": USER.email, "password": USER.password},
        headers={"apikey": supabase.stand_in.publishable_key},
    )
    session: dict[str, Any] = response.json()
    return session


# SEED-53, F-14
def test_nothing_secret_is_logged_and_every_line_is_an_event_with_its_request(log: list[str], seen: Seen) -> None:
    text = "\n".join(log)
    assert {name for name, secret in seen.secrets.items() if secret in text} == set()
    # Part of a token is too much as well.
    assert {name for name, secret in seen.secrets.items() if len(secret) > 40 and secret[-20:] in text} == set()
    events = [json.loads(line) for line in log]
    assert {"client_registered", "sign_in_refused", "signed_in", "consent"} <= {event["event"] for event in events}
    assert [event for event in events if "request_id" not in event or "timestamp" not in event] == []
    refusals = [event for event in events if event["event"].endswith("_refused")]
    assert refusals
    assert [event for event in refusals if not event.get("reason")] == []
    assert [event for event in events if event["level"] in {"error", "critical"}] == []


# The whole suite is scanned (tests/conftest.py); what it scans for, it finds.
@pytest.mark.parametrize("kind", ["code", "access_token", "refresh_token", "client_secret", "root_secret", "password"])
def test_scan_of_the_suite_would_find(log: list[str], seen: Seen, kind: str) -> None:
    assert secrets_in("\n".join(log)) == []
    assert secrets_in(f'{{"event": "x", "y": "{seen.secrets[kind]}"}}') == [seen.secrets[kind]]
