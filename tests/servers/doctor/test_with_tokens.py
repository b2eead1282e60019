"""What the doctor does with tokens: calls in both eras that change nothing, and steps up where it is told to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.doctor import report
from servers.doctor.checks import calls
from servers.doctor.checks import login as check_login
from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.login_observations import Refreshes, SignedIn, SignIn, ToolCall
from servers.doctor.evidence.observations import Answer
from servers.doctor.findings import Level
from servers.doctor.probes import mcp
from servers.doctor.visit import chosen
from tests.support.doctor import EVERYBODY, agreeing, examine, of
from tests.support.faulty_server import FaultyServer

CURSOR = chosen(["cursor"])
TARGET = "https://x.example/mcp"


async def test_only_tools_that_say_that_they_only_read_are_called(server: FaultyServer) -> None:
    await examine(server.resource, CURSOR, person=agreeing())
    assert server.tools.called == ["look", "report", "report"]


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "x"},
        {"name": "x", "annotations": {}},
        {"name": "x", "annotations": {"readOnlyHint": False}},
        {"name": "x", "annotations": {"readOnlyHint": "true"}},
        {"name": "x", "annotations": {"readOnlyHint": 1}},
        {"name": "x", "annotations": [True]},
        {"name": "x", "annotations": {"readOnlyHint": True}, "inputSchema": {"required": ["who"]}},
        {"name": "x\r\nX-More: y", "annotations": {"readOnlyHint": True}},
        {"name": 7, "annotations": {"readOnlyHint": True}},
        "x",
        None,
    ],
)
def test_tool_that_may_do_something_is_none_to_be_called(tool: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 2, "result": {"tools": [tool]}})
    assert mcp.harmless_tools(Answer("POST", TARGET, 200, text=body)) == []


# P-9
async def test_client_with_few_scopes_signs_in_again_for_more(server: FaultyServer) -> None:
    told: list[str] = []
    findings = await examine(server.resource, CURSOR, person=agreeing(), tell=told.append)
    signed_in = [each for each in told if each.startswith("sign in at")]
    assert ["scope=read&" in f"{each}&" for each in signed_in] == [True, False]
    assert "scope=read+write" in signed_in[1]
    assert of(findings, "step_up")[-1].says.startswith("report needs more than was granted")


# P-9
async def test_client_that_was_granted_all_takes_less_first_and_asks_nobody_again(server: FaultyServer) -> None:
    server.plant("challenge names all scopes")
    told: list[str] = []
    findings = await examine(server.resource, CURSOR, person=agreeing(), tell=told.append)
    assert len([each for each in told if each.startswith("sign in at")]) == 1
    assert server.tools.called == ["look", "report", "report"]
    assert of(findings, "step_up")[-1].level is Level.OK


# P-9, F-25
async def test_step_up_that_is_refused_at_the_sign_in_is_a_fault(server: FaultyServer) -> None:
    server.plant("step-up is refused")
    findings = await examine(server.resource, CURSOR, register=False, person=agreeing())
    (finding,) = of(findings, "step_up")
    assert (finding.level, finding.pitfall) == (Level.FAULT, "P-9")
    assert finding.says == "A client that was told to ask for read write is sent back with invalid_scope."


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("403 without a word", 'nothing of error="insufficient_scope" and scope and resource_metadata.'),
        ("403 without scopes", "The 403 for report says nothing of scope."),
        ("another 403 after it", "The 403 for report asks for write, and with that there is another 403."),
        ("401 for too little scope", "A token that is good gets 401 for report, with the scopes read."),
    ],
)
async def test_refusal_of_a_call_is_told_with_what_it_lacks(server: FaultyServer, planted: str, said: str) -> None:
    server.plant(planted)
    findings = await examine(server.resource, CURSOR, register=False, person=agreeing())
    (finding,) = of(findings, "step_up")
    assert finding.says.endswith(said)


@pytest.mark.parametrize(
    ("planted", "served", "left_out"),
    [
        ((), "2025-06-18, 2025-11-25, 2026-07-28", set()),
        (("no newer era",), "2025-06-18, 2025-11-25", set()),
        (("no handshake",), "2026-07-28", {"claude", "claude-code", "chatgpt", "cursor", "gemini"}),
        (("sessions",), "2025-06-18, 2025-11-25, 2026-07-28", set()),
    ],
)
async def test_eras_that_are_served_are_told_with_those_who_speak_none_of_them(
    server: FaultyServer, planted: tuple[str, ...], served: str, left_out: set[str]
) -> None:
    server.plant(*planted)
    findings = of(await examine(server.resource, register=False, person=agreeing()), "protocol")
    assert all(each.says.startswith(f"Served are {served}") for each in findings)
    assert {name for each in findings for name in each.clients} == left_out
    assert {each.level for each in findings} == {Level.WARNING if left_out else Level.OK}


async def test_sessions_that_were_begun_are_ended(server: FaultyServer) -> None:
    server.plant("sessions")
    await examine(server.resource, CURSOR, register=False, person=agreeing())
    assert server.tools.ended == ["1", "1"]


async def test_tools_are_called_in_the_newer_era_where_there_is_no_other(server: FaultyServer) -> None:
    server.plant("no handshake")
    findings = await examine(server.resource, CURSOR, register=False, person=agreeing())
    assert server.tools.called == ["look", "report", "report"]
    assert of(findings, "step_up")[-1].level is Level.OK


def test_every_profile_speaks_something() -> None:
    assert {era for profile in EVERYBODY for era in profile.protocol} == {mcp.HANDSHAKE, mcp.MODERN}


async def test_nobody_signs_in_where_the_code_would_go_over_plain_http(server: FaultyServer) -> None:
    server.plant("token endpoint over plain http")
    told: list[str] = []
    findings = await examine(server.resource, CURSOR, register=False, person=agreeing(), tell=told.append)
    assert [each for each in told if each.startswith("sign in at")] == []
    assert of(findings, "login")[0].says.startswith("The flow was not tried")
    assert server.clients == {}
    assert server.asked["register"] == 0


async def test_without_registration_the_flow_is_not_tried_and_that_is_told(server: FaultyServer) -> None:
    server.plant("no registration")
    (finding,) = of(await examine(server.resource, CURSOR, person=agreeing()), "login")
    assert finding.says.startswith("The flow was not tried")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("access_token", "refresh_token", "scope", "expires_in", "error", "result", "tools", "protocolVersion", "aud")
ANSWERS = st.builds(
    lambda status, body, header: Answer("POST", TARGET, status, {"www-authenticate": header}, json.dumps(body)),
    st.sampled_from((0, 200, 302, 401, 403, 500)),
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=5) | VALUES,
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)


@given(
    ANSWERS,
    ANSWERS,
    ANSWERS,
    st.none() | st.dictionaries(st.sampled_from(("code", "state", "error", "iss")), st.text(max_size=10)),
    st.dictionaries(st.sampled_from(("access_token", "scope", "expires_in")), VALUES),
)
def test_no_answer_to_a_client_with_tokens_makes_the_doctor_fall_over(
    one: Answer, two: Answer, three: Answer, came_back: dict[str, str] | None, tokens: dict[str, Any]
) -> None:
    redeemed = Answer("POST", TARGET, 200, text=json.dumps(tokens))
    held = SignedIn(
        Document({"issuer": "https://x.example", "authorization_response_iss_parameter_supported": True}),
        Answer("POST", TARGET, 201, text='{"client_id": "c"}'),
        [SignIn(("read",), "state", 1.0, came_back, redeemed), SignIn((), "state", 1.0, came_back, one)],
        {"2025-06-18": one},
        two,
        calls=[ToolCall("tools/list", (), one), ToolCall("x", ("read",), two, three)],
        refreshes=Refreshes([one, two, three], one, two, three, (one, two)),
    )
    findings = [*check_login.check(held, TARGET), *calls.check(held, EVERYBODY)]
    report.text(TARGET, [], findings).encode()
    mcp.harmless_tools(one)
