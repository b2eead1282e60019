"""The authorization server: metadata where clients look for it, what they need in it, and how it refuses (RFC 8414)."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.observations import Observations
from servers.doctor.profiles import Profile

_OK, _UNAUTHORIZED = 200, 401


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    if seen.issuer is None:
        return
    yield from _places(seen, profiles)
    server = seen.server
    if server is None:
        return
    yield from _issuer(seen)
    yield from _needs(server, profiles)
    yield from _keys(seen)
    yield from _token_endpoint(seen)
    yield from _authorization_endpoint(seen)


def _places(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    found = {place for place, answer in seen.server_metadata.items() if answer.status == _OK and answer.json}
    has_path = bool(urlsplit(seen.issuer or "").path.strip("/"))
    for profile in profiles:
        if not found & set(profile.server_metadata):
            yield fault(
                "server_metadata",
                f"There is no metadata of {seen.issuer} where {profile.title} looks "
                f"({', '.join(profile.server_metadata)}).",
                client_does="It guesses endpoints at the root, or gives up.",
                mend="Serve it at /.well-known/oauth-authorization-server, and the same at openid-configuration.",
                clients=[profile.name],
                pitfall="P-8" if has_path else "P-1",
            )
    if has_path and len(found) < len(seen.server_metadata):
        missing = ", ".join(sorted(set(seen.server_metadata) - found))
        yield warning(
            "issuer_path",
            f"The issuer has a path, and its metadata is not everywhere: {missing}.",
            client_does="Clients look in different places for an issuer with a path.",
            mend="Use an issuer without a path, or serve its metadata in every place.",
            pitfall="P-8",
        )


def _issuer(seen: Observations) -> Iterator[Finding]:
    for answer in seen.server_metadata.values():
        named = (answer.json or {}).get("issuer") if answer.status == _OK else seen.issuer
        if named == seen.issuer:
            continue
        slash = isinstance(named, str) and named.rstrip("/") == (seen.issuer or "").rstrip("/")
        yield fault(
            "issuer",
            f"{answer.url} says issuer {named!r}, and the resource says {seen.issuer!r}.",
            client_does="Strict clients refuse to sign in: the two have to be equal, byte for byte (RFC 8414 §3.3).",
            mend="Use one string for both" + (", without the trailing slash." if slash else "."),
            pitfall="P-5" if slash else "P-1",
        )
        return
    yield ok("issuer", f"The issuer is {seen.issuer} everywhere.")


def _needs(server: dict[str, Any], profiles: Sequence[Profile]) -> Iterator[Finding]:
    if "S256" not in (server.get("code_challenge_methods_supported") or []):
        yield fault(
            "pkce",
            "The metadata does not name S256 in code_challenge_methods_supported.",
            client_does="It refuses to proceed: MCP demands PKCE.",
            mend='Support PKCE, and say so: "code_challenge_methods_supported": ["S256"].',
            pitfall="P-1",
        )
    if server.get("authorization_response_iss_parameter_supported") is not True:
        wanting = [profile.name for profile in profiles if profile.wants_issuer_in_answers]
        yield warning(
            "iss",
            "Authorization answers do not promise `iss` (RFC 9207).",
            client_does="ChatGPT then uses another callback for each connection; clients cannot tell servers apart.",
            mend="Send iss with every answer, and say authorization_response_iss_parameter_supported: true.",
            clients=wanting,
        )
    documents = server.get("client_id_metadata_document_supported") is True
    if documents and "none" not in (server.get("token_endpoint_auth_methods_supported") or []):
        yield warning(
            "documents",
            "Client ID metadata documents are supported, but `none` is not among the authentication methods.",
            client_does="Claude silently registers itself instead.",
            mend='Add "none" to token_endpoint_auth_methods_supported.',
            clients=[profile.name for profile in profiles if profile.name.startswith("claude")],
        )
    dynamic = isinstance(server.get("registration_endpoint"), str)
    for profile in profiles:
        ways = {"document": documents and profile.client_id_url is not None, "dynamic": dynamic}
        if not any(ways[way] for way in profile.registration):
            yield fault(
                "registration",
                f"{profile.title} has no way to become known: it tries {' and '.join(profile.registration)}.",
                client_does="It asks the person for a client id, or gives up.",
                mend="Support client ID metadata documents, or dynamic registration for older clients.",
                clients=[profile.name],
                pitfall="P-1",
            )


def _keys(seen: Observations) -> Iterator[Finding]:
    if seen.jwks is not None and not isinstance((seen.jwks.json or {}).get("keys"), list):
        yield warning(
            "jwks",
            f"There is no key set at {seen.jwks.url}.",
            client_does="Nothing; but resource servers elsewhere cannot check tokens.",
            mend="Serve the key set, or leave jwks_uri out.",
        )


def _token_endpoint(seen: Observations) -> Iterator[Finding]:
    answer = seen.token_of_unknown_client
    if answer is None:
        return
    if answer.location is not None:
        yield fault(
            "token_endpoint",
            f"The token endpoint redirects to {answer.location}.",
            client_does="It posts its code to somebody else, or gives up: it signs in and never calls.",
            mend="Answer at the address in the metadata.",
            pitfall="P-1",
        )
    elif answer.json is None:
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
    elif (answer.status, answer.error) != (_UNAUTHORIZED, "invalid_client"):
        yield fault(
            "dead_client",
            f"A client that is unknown gets {answer.status} {answer.error} at the token endpoint.",
            client_does="A client whose registration has gone never registers again: nobody can get it in.",
            mend="Answer 401 invalid_client.",
            pitfall="P-13",
        )
    else:
        yield ok("dead_client", "A client that is unknown gets 401 invalid_client, and can register again.")


def _authorization_endpoint(seen: Observations) -> Iterator[Finding]:
    answer = seen.authorize_unknown_client
    if answer is None:
        return
    if (answer.location or "").startswith("https://evil.example"):
        yield fault(
            "open_redirect",
            "The authorization endpoint redirects to an address that nobody registered.",
            client_does="Nothing; but anybody can send people, and codes, anywhere through it.",
            mend="Show a page instead of redirecting until client and redirect URI are proven.",
        )
    elif answer.location is None and not answer.text.strip():
        yield warning(
            "dead_client_page",
            "A browser with an unknown client gets an empty page.",
            client_does="It waits for an answer; the person does not know what to do.",
            mend="Say on the page that the app has to be removed and added again.",
            pitfall="P-13",
        )
