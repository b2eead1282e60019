"""Every reason that can be told comes with a remedy, and what clients make of it."""

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from oauth.flow_history.events import FlowStep
from oauth.foundation.reason_codes import COMPOUND_PATTERNS, ReasonCode
from oauth.foundation.vocabulary import Step
from oauth.protocol.resource_owners import SignInRefusal
from servers import cli
from servers.configuration.settings import GatewaySettings
from servers.explain import explanations
from tests.support.builders import NOW

KNOWN = explanations.load()
ROOT = Path(__file__).parents[3]
NOBODY_KNOWS = "Look for the request in the log"
REFUSED = FlowStep("fl_1", NOW, Step.CALLED, "revoked", None, None, None, None, None, "r-1", None)


ALL = sorted([*ReasonCode, *COMPOUND_PATTERNS])


def refused(reason: str, step: Step = Step.CALLED, error: str | None = None) -> FlowStep:
    return replace(REFUSED, reason=reason, step=step, error=error)


@pytest.mark.parametrize("reason", ALL)
def test_every_reason_has_a_remedy(reason: str) -> None:
    assert NOBODY_KNOWS not in KNOWN.remedy(refused(reason))


def test_every_remedy_is_for_a_reason_that_exists() -> None:
    kinds = [reason for reason in ALL if "*" in reason]
    told = [*KNOWN.remedies, *KNOWN.of_a_call]
    assert [key for key in told if key not in ALL and not any(fnmatchcase(key, kind) for kind in kinds)] == []


def test_every_reason_is_given_somewhere() -> None:
    """Refusals are typed: mypy sees to it that no other reason is given."""
    folders = [ROOT / name for name in ("oauth", "mcp_auth", "servers")]
    files = [file for folder in folders for file in folder.rglob("*.py") if file.name != "reason_codes.py"]
    source = "\n".join(file.read_text() for file in files)
    given = set(re.findall(r"ReasonCode\.([A-Z0-9_]+)", source))
    # What Supabase refuses is a reason by its value.
    assert given | {refusal.name for refusal in SignInRefusal} == {code.name for code in ReasonCode}


def test_every_refusal_of_supabase_is_a_reason() -> None:
    assert {refusal.value for refusal in SignInRefusal} <= set(ReasonCode)


def test_every_step_has_its_sentences() -> None:
    assert KNOWN.steps.keys() == set(Step)
    assert all(sentence in {step.value for step in Step} for sentence in (*KNOWN.at_a_page, *KNOWN.by_step))


def test_sentences_end_as_sentences_do() -> None:
    groups = (KNOWN.remedies, KNOWN.of_a_call, KNOWN.by_error, KNOWN.by_step, KNOWN.at_a_page)
    assert [each for group in groups for each in group.values() if not each.endswith((".", "`."))] == []


def test_settings_and_commands_that_are_named_exist() -> None:
    text = "\n".join([*KNOWN.remedies.values(), *(step.waits_for for step in KNOWN.steps.values())])
    names = {name.upper() for name in GatewaySettings.model_fields}
    named = set(re.findall(r"MCP_AUTH_([A-Z_]+)(…?)", text))
    assert named
    assert [
        name for name, more in named if not (any(each.startswith(name) for each in names) if more else name in names)
    ] == []
    commands = set(re.findall(r"`mcp-auth ([a-z-]+(?: [a-z-]+)?)", text))
    assert {"clients show", "users set-role", "doctor"} <= commands
    assert [each for each in commands if cli.app.parse_commands(each.split())[0] != tuple(each.split())] == []


@pytest.mark.parametrize(
    ("reason", "begins"),
    [
        ("dpop_wrong_url", "The proof is for another address"),
        ("dpop_oversized", "The proof is no JWT"),
        ("client_assertion_exp_missing", "The assertion is no JWT"),
        ("aud_missing", "The token lacks a claim"),
        ("nbf_in_the_future", "The token is of the future"),
    ],
)
def test_reason_has_the_remedy_of_the_narrowest_kind_that_it_is_of(reason: str, begins: str) -> None:
    assert KNOWN.remedy(refused(reason)).startswith(begins)


@pytest.mark.parametrize(
    ("step", "reason", "error", "does"),
    [
        (Step.CALLED, "expired", None, "It refreshes its token"),
        (Step.CALLED, "scope_insufficient", None, "Clients that know step-up"),
        (Step.CALLED, "store_unavailable", None, "Clients repeat the request"),
        (Step.CALLED, "dpop_replayed", None, "Clients make a new proof"),
        (Step.TOKEN_ISSUED, "store_unavailable", "temporarily_unavailable", "Clients repeat the request"),
        (Step.TOKEN_ISSUED, "code_unknown", "invalid_grant", "Clients forget their tokens"),
        (Step.AUTHORIZATION_REQUESTED, "unknown_resource", "invalid_target", "It waits for an answer"),
        (Step.SIGNED_IN, "provider_unavailable", None, "Nothing: it waits"),
        (Step.REGISTERED, "not_json", "invalid_client_metadata", "Most clients give up"),
    ],
)
def test_what_the_client_does_depends_on_where_it_was_refused(
    step: Step, reason: str, error: str | None, does: str
) -> None:
    assert KNOWN.client_does(refused(reason, step, error)).startswith(does)


def test_reason_that_nobody_knows_leads_to_the_log_and_the_request() -> None:
    assert KNOWN.remedy(refused("new")) == f"{NOBODY_KNOWS}; the reason is what to search for. It is request r-1."
