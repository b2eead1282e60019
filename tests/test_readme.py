"""The README is true: its settings, commands, links and example are those of the program."""

import re
from pathlib import Path

import pytest

from servers import cli
from servers.configuration.settings import GatewaySettings
from tests.support.clock import SettableClock
from tests.support.gateway import USER, running_gateway, running_supabase

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def documented() -> dict[str, str]:
    """Setting → default, as the table has them."""
    found: dict[str, str] = {}
    for line in section("Settings").splitlines():
        if line.startswith("| `"):
            _, names, defaults, *_ = (cell.strip() for cell in line.split("|"))
            values = defaults.split(", ") if "," in names else [defaults]
            found.update(zip(re.findall(r"`(\w+)`", names), values, strict=True))
    return found


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    assert set(documented()) == {name.upper() for name in GatewaySettings.model_fields}


@pytest.mark.parametrize("name", sorted(GatewaySettings.model_fields))
def test_defaults_are_those_of_the_table(name: str) -> None:
    field = GatewaySettings.model_fields[name]
    told = documented()[name.upper()].strip("`")
    if field.is_required():
        assert told == "required"
    elif field.default in {None, ()}:
        assert told in {"none", "the public host"}
    else:
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        assert told.lower() == str(default).lower()


def test_every_command_is_in_the_table() -> None:
    told = set(re.findall(r"`mcp-auth ([a-z-]+(?: [a-z-]+)?)", section("Commands")))
    of_clients = (
        *("add", "add-resource-server", "list", "show", "disable", "enable", "remove", "rotate-secret", "hash-secret"),
        *("known", "check-known"),
    )
    commands = {"dev", "serve", "migrate", "doctor", "explain", "keys list", "keys rotate", "--version"}
    commands |= {f"users {name}" for name in ("list", "set-role", "deactivate", "activate", "link", "unlink")}
    commands |= {f"clients {name}" for name in of_clients}
    assert {name for name in told if not name.startswith("--")} | {"--version"} == commands
    for command in commands - {"--version"}:
        assert cli.app.parse_commands(command.split())[0] == tuple(command.split())


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()] == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`| {4})make ([a-z]+)", README)) <= targets


def test_example_of_a_tool_works(
    tmp_path: Path, sqlite_url: str, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", section("Your own tools"), re.DOTALL)
    (tmp_path / "notes.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with (
        running_supabase(tmp_path / "supabase", clock) as supabase,
        running_gateway(sqlite_url, supabase, clock, tools="notes:add_tools") as gateway,
    ):
        client = gateway.registered()
        answer = client.call_tool(gateway.tokens(client)["access_token"], "my_notes").json()
    assert answer["result"]["structuredContent"] == {"result": [f"a note of {USER.id}"]}
