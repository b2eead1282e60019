"""What tokens were good for: the eras of the protocol that are served, and how a client learns to step up (P-9)."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence.documents import shown
from servers.doctor.evidence.login_observations import SignedIn, ToolCall
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.probes import mcp
from servers.doctor.profiles import Profile

_UNAUTHORIZED, _FORBIDDEN = 401, 403


def check(held: SignedIn, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    if not held.begun:
        return
    served = mcp.served(held.begun, held.discovered)
    if not served:
        first = next(iter(held.begun.values()))
        yield fault(
            "call",
            f"With its new token, a client gets {first.status} {shown(first.error or first.problem)}".rstrip() + ".",
            client_does="It signs in and never gets to call the server.",
            mend="See why the resource refuses its own token: audience, issuer, scope, clock.",
            pitfall="P-1",
        )
        return
    yield ok("call", "With its new token, a client is served.")
    yield from _protocol(served, profiles)
    if held.session_is_needed:
        yield warning(
            "sessions",
            "Calls need the Mcp-Session-Id of the server that began the session.",
            client_does="Behind several replicas it is told that its session is unknown, and begins anew.",
            mend="Serve without sessions, or share them between all replicas.",
            pitfall="P-11",
        )
    wrong = [finding for each in held.calls for finding in _call(each)] + list(_again(held))
    yield from wrong or [ok("step_up", _nothing_wrong(held.calls))]


def _protocol(served: Sequence[str], profiles: Sequence[Profile]) -> Iterator[Finding]:
    eras = {mcp.MODERN if revision == mcp.MODERN else mcp.HANDSHAKE for revision in served}
    left_out = [profile for profile in profiles if not eras & set(profile.protocol)]
    for profile in left_out:
        yield warning(
            "protocol",
            f"Served are {', '.join(served)}; this client speaks {', '.join(profile.protocol)}.",
            client_does="It signs in, and then cannot begin.",
            mend="Serve both eras of the protocol, the handshake and 2026-07-28.",
            clients=[profile.name],
            pitfall="P-1",
        )
    if not left_out:
        yield ok("protocol", f"Served are {', '.join(served)}.")


def _call(call: ToolCall) -> Iterator[Finding]:
    if call.answer.status == _UNAUTHORIZED:
        yield fault(
            "step_up",
            f"A token that is good gets 401 for {call.name}, with the scopes {' '.join(call.scopes) or 'of nothing'}.",
            client_does="It takes its token for dead and signs in again, for the same scopes, for ever.",
            mend="Answer too little scope with 403 insufficient_scope and all scopes that are needed.",
            pitfall="P-9",
        )
    if call.answer.status != _FORBIDDEN:
        return
    challenge = call.answer.challenge
    lacking = [name for name in ("scope", "resource_metadata") if name not in challenge.parameters]
    if challenge.parameters.get("error") != "insufficient_scope":
        lacking.insert(0, 'error="insufficient_scope"')
    if lacking:
        yield fault(
            "step_up",
            f"The 403 for {call.name} says nothing of {' and '.join(lacking)}.",
            client_does="It does not know that it could ask for more: the tool fails for good.",
            mend='Answer 403 with Bearer error="insufficient_scope", scope="…", resource_metadata="…".',
            pitfall="P-9",
        )
    elif call.stepped_up is not None and call.stepped_up.status == _FORBIDDEN:
        named = " ".join(challenge.scopes)
        yield fault(
            "step_up",
            f"The 403 for {call.name} asks for {shown(named)}, and with that there is another 403.",
            client_does="It steps up once, and gives up at the second time.",
            mend="Name all scopes that the operation needs in one challenge.",
            pitfall="P-9",
        )


def _again(held: SignedIn) -> Iterator[Finding]:
    """The sign-ins after the first one are for more scopes."""
    for sign_in in held.sign_ins[1:]:
        error = (sign_in.answer or {}).get("error")
        if error is not None:
            found = fault if error == "invalid_scope" else warning
            yield found(
                "step_up",
                f"A client that was told to ask for {' '.join(sign_in.scopes)} is sent back with {shown(error)}.",
                client_does="It never gets what the tool needs.",
                mend="Let a client ask for every scope that a challenge names.",
                pitfall="P-9",
            )


def _nothing_wrong(calls: Sequence[ToolCall]) -> str:
    tried = [call.name for call in calls[1:]]
    asked = [call for call in calls if call.stepped_up is not None]
    if asked:
        return f"{asked[0].name} needs more than was granted, says so, and is served when it is there."
    if tried:
        return f"Tools that only read are served with the scopes of the challenge: {', '.join(map(shown, tried))}."
    return "No tool says that it only reads and needs no arguments, so none was called."
