"""Every answer there was: whether it came, in time, said why it was a refusal, and was not a limit that was tripped."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence.documents import origin, shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_TOO_MANY, _REFUSED, _FAILED = 429, 400, 500
_REQUEST_IDS = ("request-id", "requestid", "correlation-id", "trace-id", "traceparent", "cf-ray")


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    yield from _not_there(seen)
    yield from _limits(seen.answers)
    yield from _errors(seen.answers)
    yield from _time(seen.answers, profiles)


def _not_there(seen: Observations) -> Iterator[Finding]:
    """Once for each origin: the others have the same reason, mostly. What TLS is to blame for is told as that."""
    told = {base for base in seen.handshakes if seen.is_untrusted(base)}
    for answer in seen.answers:
        if answer.problem and origin(answer.url) not in told:
            told.add(origin(answer.url))
            what = "was not answered" if answer.status == 0 else "was not answered in full"
            yield fault(
                "reachable",
                f"{_named(answer)} {what}: {shown(answer.problem)}.",
                client_does="It gives up.",
                mend="See whether the address is right, and whether something answers there.",
                pitfall="P-1",
            )


def _time(answers: Sequence[Answer], profiles: Sequence[Profile]) -> Iterator[Finding]:
    late = [(answer, [each.name for each in profiles if answer.seconds > each.seconds]) for answer in answers]
    for answer, names in late:
        if names:
            yield fault(
                "time",
                f"{_named(answer)} took {answer.seconds:.1f} s.",
                client_does="It gives up after 10 seconds: people sign in and nothing happens.",
                mend="Find out what it waits for; nothing on this way should take a second.",
                clients=names,
                pitfall="P-1",
            )
    if answers and not any(names for _, names in late):
        slowest = max(answer.seconds for answer in answers)
        yield ok("time", f"{len(answers)} answers, the slowest of them in {slowest:.1f} s.")


def _limits(answers: Sequence[Answer]) -> Iterator[Finding]:
    for answer in answers:
        if answer.status == _TOO_MANY:
            found = warning if "retry-after" in answer.headers else fault
            yield found(
                "rate_limit",
                f"{_named(answer)} was answered with 429 after {answers.index(answer)} requests"
                + ("." if found is warning else ", without Retry-After."),
                client_does="All users of a hosted assistant share its addresses: they lock each other out.",
                mend="Count by client and user before address, generously, and send Retry-After.",
                pitfall="P-15",
            )
            return
    if answers:
        yield ok("rate_limit", "No limit was tripped.")


def _errors(answers: Sequence[Answer]) -> Iterator[Finding]:
    failed = [answer for answer in answers if answer.status >= _FAILED]
    if failed:
        yield warning(
            "errors",
            f"Answered with {failed[0].status}: {_several(failed)}.",
            client_does="It shows that something went wrong, and not what; some throw their tokens away.",
            mend="Look into the server's log; a refusal has a reason, and an outage is 503 with Retry-After.",
            pitfall="P-16",
        )
    told = [answer for answer in answers if answer.error is not None]
    silent = [answer for answer in told if not (answer.json or {}).get("error_description")]
    if silent:
        yield warning(
            "errors",
            f"Errors come without error_description: {_several(silent)}.",
            client_does="It shows a bare code, and nobody knows which rule refused.",
            mend="Say in error_description what was wrong (RFC 6749 §5.2), and send a request id that the log knows.",
            pitfall="P-16",
        )
    if told and not failed and not silent:
        refusals = [answer for answer in answers if answer.status >= _REFUSED]
        with_id = all(any(known in name for name in answer.headers for known in _REQUEST_IDS) for answer in refusals)
        yield ok("errors", "Errors say why" + (", and carry a request id." if with_id else "."))


def _several(answers: Sequence[Answer]) -> str:
    named = list(dict.fromkeys(map(_named, answers)))
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""  # noqa: PLR2004
    return ", ".join(named[:3]) + more


def _named(answer: Answer) -> str:
    return f"{answer.method} {shown(answer.url)}"
