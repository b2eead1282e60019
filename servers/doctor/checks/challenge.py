"""The resource: how it turns away a stranger, and a token that is no good (RFC 6750 §3, RFC 9728 §5.1)."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence import discovery
from servers.doctor.evidence.documents import is_url, shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_OK, _UNAUTHORIZED = 200, 401
_LOGIN_LOOP = "It never learns where to sign in, or asks again and again."


def check(seen: Observations, _: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    answer = seen.unauthenticated
    if answer.status == 0:
        return
    if answer.location is None:
        wrong = list(_status(answer)) or [*_form(answer), *_scopes(seen)]
        yield from wrong or [ok("challenge", "A request without a token gets 401, and is told where the metadata is.")]
    yield from _bad_token(seen.bad_token)


def _status(answer: Answer) -> Iterator[Finding]:
    if answer.status == _OK:
        yield fault(
            "challenge",
            "A request without a token is served.",
            client_does="It believes that no sign-in is needed, and never offers one.",
            mend="Answer 401 with WWW-Authenticate: Bearer resource_metadata=… unless everything is for everybody.",
            pitfall="P-10",
        )
    elif answer.status != _UNAUTHORIZED:
        yield fault(
            "challenge",
            f"A request without a token gets {answer.status} and not 401.",
            client_does=_LOGIN_LOOP,
            mend="Answer 401 with WWW-Authenticate: Bearer resource_metadata=….",
            pitfall="P-1",
        )


def _form(answer: Answer) -> Iterator[Finding]:
    challenge = answer.challenge
    named = challenge.parameters.get("resource_metadata")
    if not challenge.is_bearer:
        yield fault(
            "challenge",
            "The 401 has no WWW-Authenticate of the scheme Bearer.",
            client_does=_LOGIN_LOOP,
            mend="Answer 401 with WWW-Authenticate: Bearer resource_metadata=….",
            pitfall="P-1",
        )
    elif not challenge.leads:
        yield warning(
            "challenge",
            "The first challenge of the 401 is not Bearer.",
            client_does="Some clients read no further than the first, and guess where the metadata is.",
            mend="Put the Bearer challenge first.",
            pitfall="P-1",
        )
    if named is None:
        yield warning(
            "challenge",
            "The 401 does not say where the resource's metadata is.",
            client_does="It guesses the address, and some clients do not.",
            mend='Add resource_metadata="…" to WWW-Authenticate (RFC 9728 §5.1).',
            pitfall="P-1",
        )
    elif not is_url(named):
        yield warning(
            "challenge",
            f"The challenge says resource_metadata={shown(named)}, which is no absolute URL.",
            client_does="It guesses the address, and some clients do not.",
            mend="Name the metadata with an absolute https URL.",
            pitfall="P-1",
        )
    elif "resource_metadata" in challenge.unquoted:
        yield warning(
            "challenge",
            "The challenge says resource_metadata without quotes.",
            client_does="Some clients see it only in quotes, and guess the address.",
            mend='Put the value in quotes: resource_metadata="…" (RFC 9110 §11.2).',
            pitfall="P-1",
        )


def _scopes(seen: Observations) -> Iterator[Finding]:
    if not discovery.challenged_scopes(seen):
        yield warning(
            "challenge",
            "Neither the challenge nor the metadata names a scope.",
            client_does="It asks for nothing, or for everything, and steps up at each tool.",
            mend="Name the scopes that a first connection needs in the challenge.",
            pitfall="P-9",
        )


def _bad_token(answer: Answer) -> Iterator[Finding]:
    if answer.status == _OK:
        yield fault(
            "bad_token",
            "A token that is no good is served as if there were none.",
            client_does="It never learns that its token has expired, so it never refreshes: people see less every day.",
            mend='Answer 401 with error="invalid_token".',
            pitfall="P-10",
        )
    elif answer.status == _UNAUTHORIZED and answer.challenge.parameters.get("error") == "invalid_token":
        yield ok("bad_token", "A token that is no good gets 401 invalid_token.")
    elif answer.location is None and answer.status:
        yield warning(
            "bad_token",
            f"A token that is no good gets {answer.status}, without error=invalid_token in WWW-Authenticate.",
            client_does="Some clients do not refresh then.",
            mend='Answer 401 with WWW-Authenticate: Bearer error="invalid_token", ….',
            pitfall="P-16",
        )
