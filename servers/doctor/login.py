"""`--login`: the whole way in, with a person at the browser, and what shows only there: tokens, refreshes, calls."""

import asyncio
import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from servers.doctor.callback import Callback, listening
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.observations import Answer, Observations
from servers.doctor.walk import MCP_HEADERS, Tell, Visitor, remove

OpenBrowser = Callable[[str], object]

_PATIENCE = 300.0  # seconds: people look for their passwords
_OK = 200
_PARTS = 3
_PROTOCOL = "2025-06-18"
_AT_ONCE = 3
_CHALLENGED = re.compile(r'scope="([^"]*)"')


@dataclass(slots=True)
class _SignedIn:
    """What is held of the sign-in."""

    server: dict[str, Any]
    target: str
    client_id: str
    tokens: dict[str, Any] = field(repr=False)


async def login(
    seen: Observations, visitor: Visitor, open_browser: OpenBrowser, tell: Tell, patience: float = _PATIENCE
) -> list[Finding]:
    """Sign in, call, refresh, revoke. open_browser: is given the URL. patience: seconds for the person."""
    server = seen.server
    if server is None or not isinstance(server.get("registration_endpoint"), str):
        return [
            warning(
                "login",
                "The flow was not tried: it needs dynamic registration.",
                client_does="Nothing.",
                mend="Switch registration on for the time of the visit, or try with a client of your own.",
            )
        ]
    async with listening() as callback:
        registered = await _register(server, callback, visitor)
        if registered is None:
            return [_no_registration()]
        try:
            return await _sign_in(seen, server, registered, callback, visitor, open_browser, tell, patience)
        finally:
            await remove(registered, visitor)


async def _sign_in(
    seen: Observations,
    server: dict[str, Any],
    registered: dict[str, Any],
    callback: Callback,
    visitor: Visitor,
    open_browser: OpenBrowser,
    tell: Tell,
    patience: float,
) -> list[Finding]:
    client_id = str(registered["client_id"])
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    url = _url(seen, server, client_id, callback, verifier, state)
    tell(f"sign in at {url}")
    open_browser(url)
    try:
        answer = await asyncio.wait_for(callback.answer, patience)
    except TimeoutError:
        return [_no_answer(patience)]
    wrong = list(_check_answer(answer, state, server))
    if wrong or "code" not in answer:
        return wrong
    redeemed = await _redeem(server, seen.target, client_id, callback, verifier, answer["code"], visitor)
    tokens = redeemed.json or {}
    if redeemed.status != _OK or not isinstance(tokens.get("access_token"), str):
        return [_no_tokens(redeemed)]
    tell("calling, refreshing, revoking")
    return await _with_tokens(_SignedIn(server, seen.target, client_id, tokens), visitor)


async def _register(server: dict[str, Any], callback: Callback, visitor: Visitor) -> dict[str, Any] | None:
    metadata = {
        "client_name": "mcp-auth doctor",
        "redirect_uris": [callback.uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    registered = (await visitor.ask("POST", server["registration_endpoint"], json=metadata)).json or {}
    return registered if isinstance(registered.get("client_id"), str) else None


def _scopes(seen: Observations, server: dict[str, Any]) -> list[str]:
    """What clients ask for: what the challenge names, or else the resource; and to stay connected, where it exists."""
    named = _CHALLENGED.search(seen.unauthenticated.headers.get("www-authenticate", ""))
    asked = named[1].split() if named is not None else list((seen.resource or {}).get("scopes_supported") or [])
    offline = "offline_access"
    return [*asked, offline] if offline in (server.get("scopes_supported") or []) else asked


def _url(
    seen: Observations, server: dict[str, Any], client_id: str, callback: Callback, verifier: str, state: str
) -> str:
    scopes = _scopes(seen, server)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback.uri,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
        "resource": seen.target,
        **({"scope": " ".join(scopes)} if scopes else {}),
    }
    return f"{server['authorization_endpoint']}?{urlencode(asked)}"


async def _redeem(
    server: dict[str, Any], target: str, client_id: str, callback: Callback, verifier: str, code: str, visitor: Visitor
) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "redirect_uri": callback.uri,
        "code_verifier": verifier,
        "resource": target,
    }
    return await visitor.ask("POST", str(server["token_endpoint"]), data=form)


def _check_answer(answer: dict[str, str], state: str, server: dict[str, Any]) -> Iterator[Finding]:
    if answer.get("state") != state:
        yield fault(
            "login",
            "The answer has another state than the request.",
            client_does="It refuses the answer, as it must.",
            mend="Give the state back as it came.",
            pitfall="P-1",
        )
    promised = server.get("authorization_response_iss_parameter_supported") is True
    if promised and answer.get("iss") != server.get("issuer"):
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
            f"The person was sent back with {answer['error']}.",
            client_does="It shows that the connection failed.",
            mend="If nobody said no, look for the reason in the server's log.",
        )


async def _with_tokens(held: _SignedIn, visitor: Visitor) -> list[Finding]:
    token = str(held.tokens["access_token"])
    findings = [*_audience(token, held.target), *await _call(held.target, token, visitor)]
    refresh_token = held.tokens.get("refresh_token")
    if not isinstance(refresh_token, str):
        findings.append(
            warning(
                "refresh",
                "There is no refresh token.",
                client_does=f"It asks the person to sign in again when the token expires, {_life(held.tokens)}.",
                mend="Issue refresh tokens, for clients that ask for offline_access at least.",
                pitfall="P-10",
            )
        )
        return findings
    findings += await _refresh(held, refresh_token, visitor)
    return findings


def _audience(token: str, target: str) -> Iterator[Finding]:
    claims = _claims(token)
    if claims is None:
        yield ok("audience", "The access token is opaque: what it is for cannot be seen.")
        return
    named = claims.get("aud")
    if target in (named if isinstance(named, list) else [named]):
        yield ok("audience", "The access token is for exactly this resource.")
    else:
        yield fault(
            "audience",
            f"The access token is for {named!r}, and not for {target!r}.",
            client_does="Some clients refuse it; any server that takes it takes tokens of others as well.",
            mend="Put the resource that was asked for into aud (RFC 8707, RFC 9068 §3).",
            pitfall="P-12",
        )


async def _call(target: str, token: str, visitor: Visitor) -> list[Finding]:
    headers = {**MCP_HEADERS, "Authorization": f"Bearer {token}"}
    began = await visitor.ask("POST", target, json=_initialize(), headers=headers)
    if began.status != _OK:
        return [
            fault(
                "call",
                f"With its new token, a client gets {began.status} {began.error or ''}.".replace(" .", "."),
                client_does="It signs in and never gets to call the server.",
                mend="See why the resource refuses its own token: audience, issuer, scope, clock.",
                pitfall="P-1",
            )
        ]
    findings = [ok("call", "With its new token, a client is served.")]
    session = began.headers.get("mcp-session-id")
    spoken = {**headers, "MCP-Protocol-Version": _PROTOCOL}
    listed = await visitor.ask("POST", target, json=_list_tools(), headers=spoken)
    if session is not None and listed.status != _OK:
        findings.append(
            warning(
                "sessions",
                "Calls need the Mcp-Session-Id of the server that began the session.",
                client_does="Behind several replicas it is told that its session is unknown, and begins anew.",
                mend="Serve without sessions, or share them between all replicas.",
                pitfall="P-11",
            )
        )
    return findings


async def _refresh(held: _SignedIn, refresh_token: str, visitor: Visitor) -> list[Finding]:
    """Several at once, as tabs and tool calls do; then what is left of it; then the end."""
    foreign = await _token(held, visitor, refresh_token=refresh_token, resource="https://elsewhere.example/mcp")
    findings = []
    if foreign.status == _OK:
        findings.append(
            fault(
                "foreign_resource",
                "A refresh for another resource is answered with a token.",
                client_does="Nothing; but a token can be had for what nobody agreed to.",
                mend="Refuse it with invalid_target (RFC 8707 §2.2).",
                pitfall="P-12",
            )
        )
        refresh_token = str((foreign.json or {}).get("refresh_token", refresh_token))
    answers = await asyncio.gather(*(_token(held, visitor, refresh_token=refresh_token) for _ in range(_AT_ONCE)))
    good = [answer for answer in answers if answer.status == _OK]
    newest = str((good[-1].json or {}).get("refresh_token", refresh_token)) if good else refresh_token
    after = await _token(held, visitor, refresh_token=newest)
    if len(good) < _AT_ONCE or after.status != _OK:
        findings.append(
            fault(
                "refresh",
                f"Of {_AT_ONCE} refreshes at once {len(good)} were good, and the next one got {after.status} "
                f"{after.error or ''}.".replace(" .", "."),
                client_does="Parallel tool calls and several windows refresh at once: it forgets its tokens, and the "
                "person has to sign in again.",
                mend="Answer a retry of a refresh token within a minute with the same successor.",
                pitfall="P-2",
            )
        )
    else:
        findings.append(ok("refresh", f"{_AT_ONCE} refreshes at once, and one after them, are good."))
    last = str((after.json or {}).get("refresh_token", refresh_token))
    if isinstance(held.server.get("revocation_endpoint"), str):
        await visitor.ask("POST", held.server["revocation_endpoint"], data={"token": last, "client_id": held.client_id})
        if (await _token(held, visitor, refresh_token=last)).status == _OK:
            findings.append(
                warning(
                    "revocation",
                    "A refresh token that was revoked is still good.",
                    client_does="It tells people that they have disconnected, and they have not.",
                    mend="End the grant with its refresh token (RFC 7009 §2.1).",
                )
            )
    return findings


async def _token(held: _SignedIn, visitor: Visitor, **form: str) -> Answer:
    sent = {"grant_type": "refresh_token", "client_id": held.client_id, **form}
    return await visitor.ask("POST", str(held.server["token_endpoint"]), data=sent)


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        read = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _initialize() -> dict[str, Any]:
    info = {"name": "mcp-auth-doctor", "version": "1"}
    params = {"protocolVersion": _PROTOCOL, "capabilities": {}, "clientInfo": info}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def _list_tools() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}


def _life(tokens: dict[str, Any]) -> str:
    seconds = tokens.get("expires_in")
    return f"after {seconds} seconds" if isinstance(seconds, int) else "whenever that is"


def _no_registration() -> Finding:
    return fault(
        "login",
        "A client with a loopback redirect cannot register.",
        client_does="It shows that the connection failed.",
        mend="Accept http://127.0.0.1 with any port, and a path.",
        pitfall="P-7",
    )


def _no_answer(patience: float) -> Finding:
    return fault(
        "login",
        f"Within {int(patience)} s the browser did not come back.",
        client_does="It waits, and gives up in the end.",
        mend="If somebody agreed: see in the browser's console whether the page's CSP keeps it from being sent back "
        "(form-action).",
        pitfall="P-14",
    )


def _no_tokens(redeemed: Answer) -> Finding:
    return fault(
        "login",
        f"The code is answered with {redeemed.status} {redeemed.error or ''}".rstrip() + ".",
        client_does="It signs in and never calls the server.",
        mend="Look for the reason in the server's log.",
        pitfall="P-1",
    )
