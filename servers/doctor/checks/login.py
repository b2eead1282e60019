"""What came of the sign-in: answers, tokens, refreshes, revocation."""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterator

from servers.doctor.evidence.documents import Document, parse_object, shown
from servers.doctor.evidence.login_observations import FOREIGN, Refreshes, SignedIn, SignIn, tokens_of
from servers.doctor.evidence.observations import Answer
from servers.doctor.findings import Finding, fault, ok, warning

_OK, _PARTS = 200, 3


def check(held: SignedIn, target: str) -> Iterator[Finding]:
    """All of it, but for the calls."""
    if held.registration is None or held.server is None:
        yield warning(
            "login",
            "The flow was not tried: it needs dynamic registration, and endpoints that are https.",
            client_does="Nothing.",
            mend="Switch registration on for the time of the visit, or try with a client of your own.",
        )
        return
    if held.registration.client_id is None:
        yield fault(
            "login",
            "A client with a loopback redirect cannot register.",
            client_does="It shows that the connection failed.",
            mend="Accept http://127.0.0.1 with any port, and a path.",
            pitfall="P-7",
        )
    for sign_in in held.sign_ins[:1]:
        yield from _sign_in(sign_in, held.server)
    tokens = held.tokens
    if tokens is not None:
        yield from _audience(tokens.text("access_token") or "", target)
        if held.refreshes is not None:
            yield from _refreshes(held.refreshes)
        elif tokens.text("refresh_token") is None:
            yield _no_refresh_token(tokens)


def _sign_in(sign_in: SignIn, server: Document) -> Iterator[Finding]:
    answer = sign_in.answer
    if answer is None:
        yield fault(
            "login",
            f"Within {sign_in.patience:.0f} s the browser did not come back.",
            client_does="It waits, and gives up in the end.",
            mend="If somebody agreed: see in the browser's console whether the page's CSP (form-action) keeps it from "
            "being sent back.",
            pitfall="P-14",
        )
        return
    if sign_in.has_other_state():
        yield fault(
            "login",
            "The answer has another state than the request.",
            client_does="It refuses the answer, as it must.",
            mend="Give the state back as it came.",
            pitfall="P-1",
        )
    if sign_in.has_other_issuer(server):
        yield fault(
            "login",
            "The answer has no iss, or another one than the metadata, which promises it.",
            client_does="It refuses the answer (RFC 9207 §2.4).",
            mend="Send the issuer, byte for byte, with every answer.",
            pitfall="P-1",
        )
    if "error" in answer:
        yield warning(
            "login",
            f"The person was sent back with {shown(answer['error'])}.",
            client_does="It shows that the connection failed.",
            mend="If nobody said no, look for the reason in the server's log.",
        )
    elif "code" not in answer:
        yield fault(
            "login",
            "The person was sent back with neither a code nor an error.",
            client_does="It shows that the connection failed, and not why.",
            mend="Send code and state, or error and state (OAuth 2.1 §4.1.2).",
            pitfall="P-1",
        )
    if sign_in.redeemed is not None and tokens_of(sign_in.redeemed) is None:
        yield fault(
            "login",
            f"The code is answered with {_told(sign_in.redeemed)}.",
            client_does="It signs in and never calls the server.",
            mend="Look for the reason in the server's log.",
            pitfall="P-1",
        )


def _audience(token: str, target: str) -> Iterator[Finding]:
    claims = _claims(token)
    if claims is None:
        yield ok("audience", "The access token is opaque: what it is for cannot be seen.")
        return
    if target in _audiences(claims):
        yield ok("audience", "The access token is for exactly this resource.")
    else:
        yield fault(
            "audience",
            f"The access token is for {shown(', '.join(_audiences(claims)) or 'nothing')}, and not for {target}.",
            client_does="Some clients refuse it; any server that takes it takes tokens of others as well.",
            mend="Put the resource that was asked for into aud (RFC 8707, RFC 9068 §3).",
            pitfall="P-12",
        )


def _refreshes(refreshes: Refreshes) -> Iterator[Finding]:
    count = len(refreshes.at_once)
    good = sum(tokens_of(answer) is not None for answer in refreshes.at_once)
    if good < count or tokens_of(refreshes.after) is None:
        yield fault(
            "refresh",
            f"Of {count} refreshes at once {good} were good, and the next one got {_told(refreshes.after)}.",
            client_does="Parallel tool calls and several windows refresh at once: it forgets its tokens, and the "
            "person has to sign in again.",
            mend="Answer a retry of a refresh token within a minute with the same successor.",
            pitfall="P-2",
        )
    else:
        yield ok("refresh", f"{count} refreshes at once, and one after them, are good.")
    foreign = None if refreshes.foreign is None else tokens_of(refreshes.foreign)
    if foreign is not None:
        yield _foreign(foreign)
    elif refreshes.again is not None and tokens_of(refreshes.again) is None:
        yield warning(
            "foreign_resource",
            "A refresh that is refused for its resource uses its refresh token up.",
            client_does="After a slip of spelling it has nothing to refresh with: the person has to sign in again.",
            mend="Look at everything in the request before the refresh token counts as used.",
            pitfall="P-2",
        )
    if refreshes.revoked is not None:
        yield _revocation(*refreshes.revoked)


def _foreign(tokens: Document) -> Finding:
    claims = _claims(tokens.text("access_token") or "")
    if claims is not None and FOREIGN in _audiences(claims):
        return fault(
            "foreign_resource",
            "A refresh for another resource is answered with a token for it.",
            client_does="Nothing; but a token can be had for what nobody agreed to.",
            mend="Refuse it with invalid_target (RFC 8707 §2.2).",
            pitfall="P-12",
        )
    return warning(
        "foreign_resource",
        "A refresh for another resource is answered with a token, as if none had been named.",
        client_does="Nothing, as long as there is one resource; with two, it sends a token of the one to the other.",
        mend="Refuse it with invalid_target (RFC 8707 §2.2).",
        pitfall="P-12",
    )


def _revocation(answer: Answer, then: Answer) -> Finding:
    if tokens_of(then) is None and answer.status == _OK:
        return ok("revocation", "A refresh token that was revoked is no good any more.")
    if answer.status != _OK:
        return warning(
            "revocation",
            f"A client without a secret revokes its refresh token, and gets {_told(answer)}.",
            client_does="It tells people that they have disconnected, and they have not.",
            mend="Answer 200 to a public client that names itself with client_id (RFC 7009 §2.1).",
        )
    return warning(
        "revocation",
        "A refresh token that was revoked is still good.",
        client_does="It tells people that they have disconnected, and they have not.",
        mend="End the grant with its refresh token (RFC 7009 §2.1).",
    )


def _no_refresh_token(tokens: Document) -> Finding:
    seconds = tokens.members.get("expires_in")
    life = f"after {seconds} seconds" if isinstance(seconds, int) else "whenever that is"
    return warning(
        "refresh",
        "There is no refresh token.",
        client_does=f"It asks the person to sign in again when the token expires, {life}.",
        mend="Issue refresh tokens, for clients that ask for offline_access at least.",
        pitfall="P-10",
    )


def _audiences(claims: Document) -> tuple[str, ...]:
    one = claims.text("aud")
    return claims.strings("aud") if one is None else (one,)


def _claims(token: str) -> Document | None:
    """Of a JWT, which nobody has to be able to verify to read."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        decoded = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    read = parse_object(decoded)
    return None if read is None else Document(read)


def _told(answer: Answer) -> str:
    return f"{answer.status} {shown(answer.error or answer.problem)}".rstrip()
