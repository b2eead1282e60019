"""A client of the visit, and the person who signs in through it."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.login_observations import SignedIn, SignIn, tokens_of
from servers.doctor.evidence.observations import Answer
from servers.doctor.probes import oauth_requests
from servers.doctor.probes.callback import Callback
from servers.doctor.probes.probe import Walker

OpenBrowser = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Person:
    """open_browser: is given the URL. patience: seconds; people look for their passwords."""

    open_browser: OpenBrowser
    patience: float = 300.0


@dataclass(frozen=True, slots=True)
class Client:
    """callback: where answers come to. held: what is seen with it."""

    server: Document
    target: str
    client_id: str
    callback: Callback
    walker: Walker
    person: Person
    held: SignedIn = field(repr=False)

    async def sign_in(self, scopes: Sequence[str]) -> Document | None:
        """One trip through the browser. → the tokens, if that is what came of it."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        url = oauth_requests.authorization(
            self.server, self.target, self.client_id, self.callback.uri, scopes, oauth_requests.s256(verifier), state
        )
        answers = self.callback.expect()
        self.walker.tell(f"sign in at {url}")
        self.person.open_browser(url)
        seen = SignIn(tuple(scopes), state, self.person.patience)
        try:
            seen = replace(seen, answer=await asyncio.wait_for(answers, self.person.patience))
        except TimeoutError:
            self.held.sign_ins.append(seen)
            return None
        code = (seen.answer or {}).get("code")
        for secret in (code, verifier):
            self.walker.visitor.withheld.add(secret)
        if code is not None and not seen.has_other_state() and not seen.has_other_issuer(self.server):
            seen = replace(seen, redeemed=await self._redeem(code, verifier))
        self.held.sign_ins.append(seen)
        return None if seen.redeemed is None else tokens_of(seen.redeemed)

    async def refresh(self, refresh_token: str, **form: str) -> Answer:
        """With that token, be it good or not."""
        sent = {"grant_type": "refresh_token", "refresh_token": refresh_token, **form}
        return await self.walker.belongings.token(self.server, self.client_id, sent)

    async def _redeem(self, code: str, verifier: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback.uri,
            "code_verifier": verifier,
            "resource": self.target,
        }
        return await self.walker.belongings.token(self.server, self.client_id, form)
