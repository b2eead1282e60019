"""Refreshes: several at once, as windows and tool calls do; then what is left of them; then the end."""

import asyncio

from servers.doctor.evidence.documents import is_confidential
from servers.doctor.evidence.login_observations import FOREIGN, Refreshes, tokens_of
from servers.doctor.evidence.observations import Answer
from servers.doctor.probes.sign_in import Client

_AT_ONCE = 3


async def refresh(client: Client, refresh_token: str) -> Refreshes:
    """Ends with the refresh token revoked, where that can be done."""
    answers = await asyncio.gather(*(client.refresh(refresh_token) for _ in range(_AT_ONCE)))
    newest = refresh_token
    for answer in answers:
        newest = _next(answer, newest)
    after = await client.refresh(newest)
    if tokens_of(after) is None:
        return Refreshes(answers, after)
    last = _next(after, newest)
    # Some servers use a refresh token up before they look at what is asked for; so this comes last.
    foreign = await client.refresh(last, resource=FOREIGN)
    again = await client.refresh(_next(foreign, last))
    last = _next(again, last)
    endpoint = client.server.url("revocation_endpoint")
    if endpoint is None or not is_confidential(endpoint) or tokens_of(again) is None:
        return Refreshes(answers, after, foreign, again)
    form = {"token": last, "client_id": client.client_id}
    revoked = await client.walker.visitor.ask("POST", endpoint, data=form)
    return Refreshes(answers, after, foreign, again, (revoked, await client.refresh(last)))


def _next(answer: Answer, refresh_token: str) -> str:
    """The refresh token to go on with; a server may leave the old one good (RFC 6749 §6)."""
    tokens = tokens_of(answer)
    return refresh_token if tokens is None else tokens.text("refresh_token") or refresh_token
