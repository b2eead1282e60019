"""What a visit makes at a server, registrations and tokens, and takes back before it ends, however it ends."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from servers.doctor.evidence.documents import Document, is_confidential
from servers.doctor.evidence.observations import Answer
from servers.doctor.probes.http_client import Visitor

_OK, _GOOD = 200, 2


@dataclass(slots=True)
class Issued:
    """Tokens that a client holds, by the answer that they came with."""

    server: Document
    client_id: str
    answer: Answer


@dataclass(slots=True)
class Belongings:
    """registrations: the answers to those that have not been removed. issued: what has not been revoked."""

    visitor: Visitor
    registrations: list[Answer] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    _under_way: set["asyncio.Task[Any]"] = field(default_factory=set)

    async def register(self, endpoint: str, metadata: dict[str, object]) -> Answer:
        """Dynamic registration (RFC 7591)."""
        return await self._finished(self._register(endpoint, metadata))

    async def token(self, server: Document, client_id: str, form: dict[str, str]) -> Answer:
        """A request for tokens; they are revoked in the end."""
        return await self._finished(self._token(server, client_id, form))

    async def remove(self, registration: Answer) -> bool | None:
        """Take a registration back (RFC 7592 §2.3). → whether that was done; None: there is no way to."""
        managed, removed = registration.management, None
        if managed is not None:
            uri, token = managed
            removed = (await self.visitor.ask("DELETE", uri, headers=_bearer(token))).status // 100 == _GOOD
        if registration in self.registrations:
            self.registrations.remove(registration)
        return removed

    async def give_back(self) -> None:
        """Everything; what was under way when the visit was broken off as well. This itself takes two to break off."""
        task = asyncio.create_task(self._give_back())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    async def _give_back(self) -> None:
        await asyncio.gather(*self._under_way, return_exceptions=True)
        while self.issued:
            await self._revoke(self.issued.pop())
        while self.registrations:
            await self.remove(self.registrations[-1])

    async def _finished(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """To the end, even if the visit is broken off: else nobody would know what there is to take back."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _register(self, endpoint: str, metadata: dict[str, object]) -> Answer:
        answer = await self.visitor.ask("POST", endpoint, json=metadata)
        if answer.client_id is not None:
            self.registrations.append(answer)
        return answer

    async def _token(self, server: Document, client_id: str, form: dict[str, str]) -> Answer:
        sent = {"client_id": client_id, **form}
        answer = await self.visitor.ask("POST", server.url("token_endpoint") or "", data=sent)
        if answer.status == _OK:
            self.issued.append(Issued(server, client_id, answer))
        return answer

    async def _revoke(self, issued: Issued) -> None:
        endpoint, tokens = issued.server.url("revocation_endpoint"), Document(issued.answer.json or {})
        for kind in ("refresh_token", "access_token"):
            token = tokens.text(kind)
            if token is not None and is_confidential(endpoint):
                form = {"token": token, "token_type_hint": kind, "client_id": issued.client_id}
                await self.visitor.ask("POST", endpoint or "", data=form)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
