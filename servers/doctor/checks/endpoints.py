"""What the metadata is made of (RFC 8414 §2), and what stands behind it: keys, and an answer for a dead client."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence import discovery
from servers.doctor.evidence.documents import Document, shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_UNAUTHORIZED = 401
_REQUIRED = ("authorization_endpoint", "token_endpoint")
_ENDPOINTS = (*_REQUIRED, "registration_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri")
_LISTS = (
    "response_types_supported",
    "scopes_supported",
    "grant_types_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
)
_REFUSES_ALL = "It checks the document as a whole, and refuses all of it; or it goes to an address that is none."


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """Of the server that the walk went to."""
    if seen.server is None:
        return
    issuers = [discovery.issuer_of(profile, seen) for profile in profiles]
    wrong = [*_types(seen.server), *_schemes(seen.server, next(filter(None, issuers), ""))]
    yield from wrong or [ok("endpoints", "The metadata has every endpoint that a client needs, as a URL.")]
    yield from _keys(seen.jwks)
    yield from _token_endpoint(seen.token_of_unknown_client)


def _types(server: Document) -> Iterator[Finding]:
    for name in _ENDPOINTS:
        if server.url(name) is None and (name in _REQUIRED or server.has(name)):
            told = (
                f"says {name} {shown(server.members[name])}, which is no URL" if server.has(name) else f"has no {name}"
            )
            yield fault(
                "endpoints",
                f"The server's metadata {told}.",
                client_does=_REFUSES_ALL,
                mend=f"Name {name} with an absolute https URL" + ("." if name in _REQUIRED else ", or leave it out."),
                pitfall="P-1",
            )
    for name in _LISTS:
        value = server.members.get(name)
        required = name == "response_types_supported"
        if (value is None and required) or (value is not None and not _is_list_of_text(value)):
            told = f"{name} is no list of strings" if value is not None else f"{name} is missing"
            yield fault(
                "endpoints",
                f"In the server's metadata {told}.",
                client_does="It checks the document as a whole, and refuses all of it.",
                mend=f"Make {name} a list of strings"
                + (', such as ["code"] (RFC 8414 §2).' if required else ", or leave it out."),
                pitfall="P-1",
            )


def _schemes(server: Document, issuer: str) -> Iterator[Finding]:
    plain = [name for name in _ENDPOINTS if (server.url(name) or "").startswith("http://")]
    if plain and issuer.startswith("https://"):
        yield fault(
            "endpoints",
            f"The issuer is https, and over plain http are: {', '.join(plain)}.",
            client_does="It refuses them, or sends codes and tokens that anybody on the way can read.",
            mend="Build addresses from the public URL and not from what arrives behind the proxy.",
            pitfall="P-18",
        )


def _keys(answer: Answer | None) -> Iterator[Finding]:
    if answer is not None and answer.status and not isinstance((answer.json or {}).get("keys"), list):
        yield warning(
            "jwks",
            f"There is no key set at {shown(answer.url)}.",
            client_does="Nothing; but resource servers elsewhere cannot check tokens.",
            mend="Serve the key set, or leave jwks_uri out.",
        )


def _token_endpoint(answer: Answer | None) -> Iterator[Finding]:
    if answer is None or answer.status == 0 or answer.location is not None:
        return
    if answer.json is None:
        yield fault(
            "token_endpoint",
            f"An error of the token endpoint ({answer.status}) is not JSON.",
            client_does="It cannot read the error, and shows that signing in failed for no reason.",
            mend="Answer errors as JSON with `error` (RFC 6749 §5.2).",
            pitfall="P-1",
        )
    elif answer.error is None:
        yield fault(
            "token_endpoint",
            f"An error of the token endpoint ({answer.status}) has no `error` code.",
            client_does="It does not know whether to register, to sign in again or to wait.",
            mend="Answer errors with `error` and `error_description` (RFC 6749 §5.2).",
            pitfall="P-16",
        )
    elif answer.error == "invalid_client" and answer.status != _UNAUTHORIZED:
        yield warning(
            "dead_client",
            f"A client that is unknown gets invalid_client at the token endpoint, with {answer.status} and not 401.",
            client_does="Some clients go by the status: one whose registration has gone does not register again.",
            mend="Answer 401 invalid_client.",
            pitfall="P-13",
        )
    elif answer.error != "invalid_client":
        yield fault(
            "dead_client",
            f"A client that is unknown gets {answer.status} {shown(answer.error)} at the token endpoint.",
            client_does="A client whose registration has gone never registers again: nobody can get it in.",
            mend="Answer 401 invalid_client.",
            pitfall="P-13",
        )
    else:
        yield ok("dead_client", "A client that is unknown gets 401 invalid_client, and can register again.")


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
