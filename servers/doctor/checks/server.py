"""The authorization server's metadata: where clients look for it, whose it is, and what they need in it (RFC 8414)."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from servers.doctor.evidence import discovery
from servers.doctor.evidence.discovery import Found
from servers.doctor.evidence.documents import Document, origin, shown
from servers.doctor.evidence.observations import Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

# Where some clients look in the end is not the issuer's own place: another issuer's metadata may be there.
_OWN_PLACES = ("oauth", "openid", "openid_appended")
_SAME_EVERYWHERE = ("issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri")


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it, for each client by what it finds itself."""
    for profile in profiles:
        issuer = discovery.issuer_of(profile, seen)
        if not any(answer.status for answer in seen.server_metadata.get(issuer, {}).values()):
            continue
        found = discovery.server_of(profile, seen)
        if found is not None:
            yield ok("discovery", f"The server's metadata is where clients look: {shown(found.answer.url)}.")
            yield _issuer(issuer, profile, found)
        elif _is_named(seen, profile):
            yield _nothing_found(issuer, profile)
    for issuer in seen.server_metadata:
        yield from _everywhere(issuer, seen)
    if seen.server is not None:
        yield from _needs(seen.server, profiles)


def _is_named(seen: Observations, profile: Profile) -> bool:
    """Does the resource name this server? Else that is what is at fault."""
    found = discovery.resource_of(profile, seen)
    return found is not None and discovery.first_server(found.document) is not None


def _nothing_found(issuer: str, profile: Profile) -> Finding:
    return fault(
        "discovery",
        f"There is no metadata of {shown(issuer)} where the client looks ({', '.join(profile.server_metadata)}).",
        client_does="It guesses endpoints at the root, or gives up.",
        mend="Serve it at /.well-known/oauth-authorization-server, and the same at openid-configuration.",
        clients=[profile.name],
        pitfall="P-8" if _has_path(issuer) else "P-1",
    )


def _issuer(issuer: str, profile: Profile, found: Found) -> Finding:
    named = found.document.text("issuer")
    if named == issuer:
        return ok("issuer", f"The issuer is {shown(issuer)} in the resource's metadata and in the server's.")
    slash = named is not None and named.rstrip("/") == issuer.rstrip("/")
    return fault(
        "issuer",
        f"{shown(found.answer.url)} says issuer {shown(named)}, and the resource says {shown(issuer)}.",
        client_does="Strict clients refuse to sign in: the two have to be equal, byte for byte (RFC 8414 §3.3).",
        mend="Use one string for both" + (", without the trailing slash." if slash else "."),
        clients=[profile.name],
        pitfall="P-5" if slash else "P-1",
    )


def _everywhere(issuer: str, seen: Observations) -> Iterator[Finding]:
    answers = {place: answer for place, answer in seen.server_metadata[issuer].items() if place in _OWN_PLACES}
    found = {place: answer.document for place, answer in answers.items() if answer.document is not None}
    missing = [place for place in answers if place not in found]
    if _has_path(issuer) and found and missing:
        yield warning(
            "issuer_path",
            f"The issuer has a path, and its metadata is not everywhere: {', '.join(missing)}.",
            client_does="Clients look in different places for an issuer with a path.",
            mend="Use an issuer without a path, or serve its metadata in every place.",
            pitfall="P-8",
        )
    differing = [name for name in _SAME_EVERYWHERE if len({each.text(name) for each in found.values()}) > 1]
    if differing:
        urls = " and ".join(shown(answers[place].url) for place in found)
        yield warning(
            "same_everywhere",
            f"{urls} do not say the same: {', '.join(differing)}.",
            client_does="Which one it believes depends on where it looks first.",
            mend="Serve the same document in every place.",
            pitfall="P-5" if "issuer" in differing else "P-1",
        )


def _needs(server: Document, profiles: Sequence[Profile]) -> Iterator[Finding]:
    if "S256" in server.strings("code_challenge_methods_supported"):
        yield ok("pkce", "The metadata names S256.")
    else:
        yield fault(
            "pkce",
            "The metadata does not name S256 in code_challenge_methods_supported.",
            client_does="It refuses to proceed: MCP demands PKCE.",
            mend='Support PKCE, and say so: "code_challenge_methods_supported": ["S256"].',
            pitfall="P-1",
        )
    if not server.confirms("authorization_response_iss_parameter_supported"):
        wanting = [profile.name for profile in profiles if profile.wants_issuer_in_answers]
        yield warning(
            "iss",
            "Authorization answers do not promise `iss` (RFC 9207).",
            client_does="ChatGPT then uses another callback for each connection; clients cannot tell servers apart.",
            mend="Send iss with every answer, and say authorization_response_iss_parameter_supported: true.",
            clients=wanting,
        )
    documents = server.confirms("client_id_metadata_document_supported")
    if documents and "none" not in server.strings("token_endpoint_auth_methods_supported"):
        yield warning(
            "documents",
            "Client ID metadata documents are supported, but `none` is not among the authentication methods.",
            client_does="Claude silently registers itself instead.",
            mend='Add "none" to token_endpoint_auth_methods_supported.',
            clients=[profile.name for profile in profiles if profile.name.startswith("claude")],
        )
    dynamic = server.url("registration_endpoint") is not None
    for profile in profiles:
        ways = {"document": documents and profile.client_id_url is not None, "dynamic": dynamic}
        if not any(ways[way] for way in profile.registration):
            yield fault(
                "registration",
                f"There is no way to become known: it tries {' and '.join(profile.registration)}.",
                client_does="It asks the person for a client id, or gives up.",
                mend="Support client ID metadata documents, or dynamic registration for older clients.",
                clients=[profile.name],
                pitfall="P-1",
            )


def _has_path(issuer: str) -> bool:
    return bool(origin(issuer)) and bool(urlsplit(issuer).path.strip("/"))
