"""`mcp-auth doctor`: what is printed, and with which status."""

import json
from pathlib import Path

import pytest

from servers.doctor import profiles, report
from servers.doctor.findings import Finding, Level
from servers.doctor.visit import Unusable, chosen, target_of
from tests.support.command_line import Run
from tests.support.doctor import EVERYBODY, examine
from tests.support.faulty_server import FaultyServer
from tests.support.live_server import bind


def test_command_tells_one_line_a_check_and_ends_with_the_count(run: Run, server: FaultyServer) -> None:
    status, out, _ = run("doctor", server.url, "--as", "cursor")
    assert status == 0
    assert out.startswith(f"{server.resource}\nas cursor\n")
    assert out.endswith("\nno faults, no warnings.\n")
    lines = out.splitlines()[3:-2]
    assert [line for line in lines if not line.startswith("ok       ")] == []


def test_what_is_wrong_has_two_lines_more(run: Run, server: FaultyServer) -> None:
    server.plant("bad token is a guest")
    status, out, _ = run("doctor", server.resource, "--as", "cursor")
    lines = out.splitlines()
    (told,) = [number for number, line in enumerate(lines) if line.startswith("FAULT    bad_token: ")]
    assert status == 1
    assert lines[told + 1].startswith("             The client: ")
    assert lines[told + 2].startswith("             Mend it: ")
    assert lines[-1] == "1 fault, no warnings."


def test_command_answers_programs_in_json_and_with_its_status(run: Run, server: FaultyServer) -> None:
    server.plant("bad token is a guest")
    status, out, _ = run("doctor", server.resource, "--json", "--as", "claude", "--as", "vscode")
    told = json.loads(out)
    assert (status, told["sound"], told["clients"]) == (1, False, ["claude", "vscode"])
    assert [each["pitfall"] for each in told["findings"] if each["level"] == "fault"] == ["P-10"]
    assert "ok" in {each["level"] for each in told["findings"]}


def test_deployment_of_a_developer_is_sound_though_hosted_clients_cannot_reach_it(
    run: Run, server: FaultyServer
) -> None:
    status, out, _ = run("doctor", server.resource, "--as", "claude,cursor")
    assert status == 0
    assert "WARNING  reachable_from_outside: 127.0.0.1 is, seen from here, 127.0.0.1" in out
    assert out.endswith("\nno faults, 1 warning.\n")


def test_nothing_is_registered_if_it_must_not_be(run: Run, server: FaultyServer) -> None:
    assert run("doctor", server.resource, "--no-register")[0] == 0
    assert server.asked["register"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ftp://x.example"], "is no web address"),
        (["x"], "is no web address"),
        (["https://[x"], "is no web address"),
        (["http://127.0.0.1:9/mcp"], "cannot be reached"),
        (["https://x.example/mcp", "--as", "netscape"], "There is no client netscape: choose among claude"),
    ],
)
def test_visit_that_cannot_be_made_is_told_in_a_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    status, out, err = run("doctor", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err


async def test_deployment_that_cannot_be_reached_is_told_of() -> None:
    listening, url = bind()
    listening.close()
    with pytest.raises(Unusable, match="cannot be reached"):
        await examine(f"{url}/mcp")


def test_without_a_url_it_is_the_deployment_of_the_settings(run: Run) -> None:
    status, _, err = run("doctor")
    assert status == 2
    assert "MCP_AUTH_PUBLIC_URL is not set" in err


def test_bare_origin_means_its_mcp_endpoint() -> None:
    assert target_of("https://x.example") == "https://x.example/mcp"
    assert target_of("https://x.example/") == "https://x.example/mcp"
    assert target_of("https://x.example/tools/mcp") == "https://x.example/tools/mcp"


@pytest.mark.parametrize(
    "names", [["claude,vscode"], ["vscode", "claude"], [" claude , vscode,"], ["claude", "vscode,"]]
)
def test_clients_are_named_one_by_one_or_with_commas(names: list[str]) -> None:
    assert [profile.name for profile in chosen(names)] == ["claude", "vscode"]


def test_no_name_means_everybody() -> None:
    assert chosen([]) == EVERYBODY


def test_report_says_no_more_than_was_found() -> None:
    finding = Finding("x", Level.WARNING, "It is so.", "It waits.", "Do this.", ("claude",), "P-1")
    told = report.text("https://x.example/mcp", ["claude"], [finding])
    assert "WARNING  x: It is so.  [claude]  (P-1)" in told
    assert told.endswith("no faults, 1 warning.\n")


def test_server_cannot_draw_on_the_terminal() -> None:
    finding = Finding("x", Level.WARNING, "It says \x1b[2J\r\n\u202e\ud800.", "It waits.", "Do this.")
    told = report.text("https://x.example/mcp", ["claude"], [finding])
    assert "It says �[2J����." in told
    told.encode()


def test_profiles_are_data_that_the_help_lists(run: Run) -> None:
    _, out, _ = run("doctor", "--help")
    assert all(profile.name in out for profile in EVERYBODY)
    assert Path(profiles.__file__).with_suffix(".json").exists()
