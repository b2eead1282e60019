"""Calls with tokens: in both eras, with as few scopes as can be had, and with more where that is asked for (P-9)."""

from dataclasses import dataclass, replace
from typing import Any

from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.login_observations import ToolCall, granted, tokens_of
from servers.doctor.evidence.observations import Answer
from servers.doctor.probes import mcp
from servers.doctor.probes.sign_in import Client

_OK, _FORBIDDEN = 200, 403
_MOST_TOOLS = 5


@dataclass(slots=True)
class _Holder:
    """Tokens and what they are for; refresh_token: the newest."""

    access_token: str
    scopes: tuple[str, ...]
    refresh_token: str | None


async def call(client: Client, tokens: Document) -> str | None:
    """→ the refresh token that is good now, if there is one."""
    held = client.held
    holder = _Holder(
        tokens.text("access_token") or "",
        granted(tokens, held.sign_ins[0].scopes),
        tokens.text("refresh_token"),
    )
    speaker = await _begin(client, holder.access_token)
    if speaker is None:
        return holder.refresh_token
    if speaker.session is not None:
        without = replace(speaker, session=None)
        held.session_is_needed = (await without.ask(holder.access_token, "tools/list")).status != _OK
        headers = speaker.headers(holder.access_token)
        await client.walker.visitor.ask("POST", client.target, json=mcp.initialized(), headers=headers)
    narrow = await _narrowed(client, holder)
    await _call_tools(speaker, narrow, holder)
    await _end_sessions(client, holder.access_token)
    return holder.refresh_token


@dataclass(frozen=True, slots=True)
class _Speaker:
    client: Client
    revision: str
    session: str | None

    async def ask(self, token: str, method: str, **params: Any) -> Answer:  # noqa: ANN401 - JSON
        body = mcp.request(method, self.revision, **params)
        return await self.client.walker.visitor.ask(
            "POST", self.client.target, json=body, headers=self.headers(token, body)
        )

    def headers(self, token: str, body: dict[str, Any] | None = None) -> dict[str, str]:
        session = {"Mcp-Session-Id": self.session} if self.session is not None else {}
        return mcp.headers(token, self.revision, body) | session


async def _begin(client: Client, token: str) -> _Speaker | None:
    """→ in what to go on; None if the token opens nothing."""
    visitor, target, held = client.walker.visitor, client.target, client.held
    for revision in mcp.REVISIONS:
        held.begun[revision] = await visitor.ask(
            "POST", target, json=mcp.initialize(revision), headers=mcp.headers(token)
        )
    body = mcp.request("server/discover", mcp.MODERN)
    held.discovered = await visitor.ask("POST", target, json=body, headers=mcp.headers(token, mcp.MODERN, body))
    served = mcp.served(held.begun, held.discovered)
    first = next((answer for answer in held.begun.values() if mcp.result(answer) is not None), None)
    session = None if first is None else first.headers.get("mcp-session-id")
    return _Speaker(client, served[0], session) if served else None


async def _narrowed(client: Client, holder: _Holder) -> _Holder:
    """The same with one scope alone, where there are several and a refresh gives less (RFC 6749 §6)."""
    if holder.refresh_token is None or len(holder.scopes) < 2:  # noqa: PLR2004
        return holder
    return await _refreshed(client, holder, holder.scopes[:1]) or holder


async def _refreshed(client: Client, holder: _Holder, scopes: tuple[str, ...]) -> _Holder | None:
    if holder.refresh_token is None:
        return None
    tokens = tokens_of(await client.refresh(holder.refresh_token, scope=" ".join(scopes)))
    if tokens is None:
        return None
    holder.refresh_token = tokens.text("refresh_token") or holder.refresh_token
    return _Holder(tokens.text("access_token") or "", granted(tokens, scopes), None)


async def _call_tools(speaker: _Speaker, narrow: _Holder, holder: _Holder) -> None:
    """Only tools that say that they do not change anything; up to the first that asks for more."""
    calls = speaker.client.held.calls
    listed = await speaker.ask(narrow.access_token, "tools/list")
    calls.append(ToolCall("tools/list", narrow.scopes, listed))
    for name in mcp.harmless_tools(listed)[:_MOST_TOOLS]:
        answer = await speaker.ask(narrow.access_token, "tools/call", name=name, arguments={})
        calls.append(ToolCall(name, narrow.scopes, answer))
        wanted = answer.challenge.scopes if answer.status == _FORBIDDEN else ()
        if wanted:
            wider = await _stepped_up(speaker.client, narrow, holder, wanted)
            if wider is not None:
                again = await speaker.ask(wider.access_token, "tools/call", name=name, arguments={})
                calls[-1] = replace(calls[-1], stepped_up=again)
            return


async def _stepped_up(client: Client, narrow: _Holder, holder: _Holder, wanted: tuple[str, ...]) -> _Holder | None:
    """As clients do it: with what they have and what the challenge names; in the browser, where that is new."""
    scopes = tuple(dict.fromkeys((*narrow.scopes, *wanted)))
    if set(scopes) <= set(holder.scopes):
        return await _refreshed(client, holder, scopes)
    tokens = await client.sign_in(scopes)
    return None if tokens is None else _Holder(tokens.text("access_token") or "", granted(tokens, scopes), None)


async def _end_sessions(client: Client, token: str) -> None:
    for revision, answer in client.held.begun.items():
        session = answer.headers.get("mcp-session-id")
        if session is not None:
            headers = mcp.headers(token, revision) | {"Mcp-Session-Id": session}
            await client.walker.visitor.ask("DELETE", client.target, headers=headers)
