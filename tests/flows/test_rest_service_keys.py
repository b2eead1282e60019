"""Routes for services, by API key (SEED-52)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import Gateway, RunningSupabase, running_gateway

BILLING, MAIL = "b" * 32, "m:" + "c" * 30


@pytest.fixture
def api(
    sqlite_template: SqliteTemplate, tmp_path: Path, supabase: RunningSupabase, clock: SettableClock
) -> Iterator[Gateway]:
    keys = f"billing:{BILLING},mail:{MAIL}"
    with (
        sqlite_template.database(tmp_path) as url,
        running_gateway(url, supabase, clock, routes="tests.support.rest_routes:add_routes", api_keys=keys) as running,
    ):
        yield running


def ask(gateway: Gateway, *keys: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}/api/v1/try/service", headers=[("x-api-key", key) for key in keys])


# SEED-52
@pytest.mark.parametrize(("key", "name"), [(BILLING, "billing"), (MAIL, "mail")])
def test_service_is_known_by_its_key(api: Gateway, key: str, name: str) -> None:
    assert ask(api, key).json() == {"name": name, "state": name}


# SEED-52
@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "API_KEY_MISSING"),
        ([""], "API_KEY_INVALID"),
        (["a" * 32], "API_KEY_INVALID"),
        ([BILLING[:-1]], "API_KEY_INVALID"),
        ([f"billing:{BILLING}"], "API_KEY_INVALID"),
        ([BILLING, BILLING], "API_KEY_INVALID"),
        (["k" * 8000], "API_KEY_INVALID"),
    ],
)
def test_everybody_else_is_refused(api: Gateway, keys: list[str], code: str) -> None:
    response = ask(api, *keys)
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)
    assert response.headers["www-authenticate"] == "ApiKey"


def test_key_opens_no_route_for_people(api: Gateway) -> None:
    response = httpx.get(f"{api.url}/api/v1/users/me", headers={"x-api-key": BILLING})
    assert response.json()["error"]["code"] == "AUTH_HEADER_MISSING"


def test_document_shows_where_a_key_is_wanted(api: Gateway) -> None:
    document = httpx.get(f"{api.url}/api/openapi.json").json()
    assert document["components"]["securitySchemes"]["APIKeyHeader"]["name"] == "x-api-key"
    assert document["paths"]["/v1/try/service"]["get"]["security"] == [{"APIKeyHeader": []}]
