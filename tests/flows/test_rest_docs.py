"""docs/rest.md is true: its example runs, and its names exist."""

import re
from pathlib import Path

import httpx
import pytest

from mcp_auth import rest
from tests.support.app_person import AppPerson
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, USER, running_gateway, running_supabase

DOCS = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def test_example_protects_routes(
    tmp_path: Path, sqlite_url: str, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, events = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (tmp_path / "notes_api.py").write_text(notes)
    (tmp_path / "events_api.py").write_text(events)
    (tmp_path / "both_api.py").write_text(
        "import events_api, notes_api\n"
        "def add_routes(api):\n    notes_api.add_routes(api)\n    events_api.add_routes(api)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with (
        running_supabase(tmp_path / "supabase", clock) as supabase,
        running_gateway(sqlite_url, supabase, clock, routes="both_api:add_routes") as gateway,
    ):
        person = AppPerson(gateway)
        assert httpx.get(f"{gateway.url}/api/v1/notes").status_code == 401
        assert httpx.get(f"{gateway.url}/api/v1/greeting").json() == "Hello, guest."
        assert person.call("POST", "/notes?text=milk").status_code == 201
        assert person.get("/notes").json() == ["milk"]
        client = gateway.registered()
        tokens = gateway.tokens(client, USER, resource=f"{gateway.url}/api", scope="api")
        assert person.call("GET", "/notes", token=tokens["access_token"]).json() == ["milk"]
        assert person.get("/greeting").json() == f"Hello, {USER.email}."
        assert person.get("/notes/count").json()["error"]["code"] == "ADMIN_REQUIRED"
        assert person.call("DELETE", "/notes").json()["error"]["code"] == "AAL2_REQUIRED"
        person.enroll()
        assert person.call("DELETE", "/notes").status_code == 204
        assert person.get("/notes").json() == []
        assert person.get("/events").text.startswith("data: ")
        other = AppPerson(gateway, ADMIN)
        assert other.get("/notes").json() == []
        for each in (person, other):
            each.close()


def test_every_dependency_that_is_named_exists_and_the_other_way_round() -> None:
    table = DOCS.split("## Who may call")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:get_|require_)\w+)`", DOCS))
    assert all(hasattr(rest, name) for name in named)
    exported = {name for name in rest.__all__ if name.startswith(("get_", "require_"))}
    assert exported - named == {"get_current_agent_ws", "get_current_admin_ws"}  # abbreviated in the table
    assert "_agent_ws" in table
    assert "_admin_ws" in table


def test_every_code_that_is_named_is_one() -> None:
    source = "".join(path.read_text() for path in (Path(rest.__file__).parent).glob("*.py"))
    section = DOCS.split("## What a client has to do")[1].split("\n## ")[0]
    for code in re.findall(r"`([A-Z0-9]+_[A-Z0-9_]+)`", section):
        assert f'"{code}"' in source or (code.endswith("_REQUIRED") and "_REQUIRED" in source)
