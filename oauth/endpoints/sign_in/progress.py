"""How far a sign-in of several steps has come: kept with the authorization request, sealed under its handle, so that
any node can go on with it and nobody but this browser can."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared.pending_request import Pending
from oauth.endpoints.shared.responses import message_page
from oauth.foundation.credentials import seal_state, unseal_state
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Digest, Subject
from oauth.pages import Message
from oauth.protocol.resource_owners import Channel, Recipient, SecondFactor


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way; the mail may carry a link as well, which the verifier belongs to."""

    recipient: Recipient
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentAway:
    """The browser went to a provider."""

    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FactorAsked:
    """The first proof was good. chosen, challenge_id: the factor whose code is awaited, once there is one."""

    subject: Subject
    proof: str = field(repr=False)
    factors: tuple[SecondFactor, ...]
    chosen: str | None = None
    challenge_id: str | None = None


Progress = CodeSent | SentAway | FactorAsked


async def save_progress(
    progress: Progress, pending: Pending, server: AuthorizationServer, *, attempts: Sequence[Digest] = ()
) -> None:
    """Remember it for the next page. attempts: counters that begin anew."""
    value = json.dumps({"step": type(progress).__name__, **asdict(progress)})
    sealed = seal_state(pending.handle, value, server.entropy)
    await server.store.requests.keep_progress(pending.asked.digest, sealed, attempts)


async def clear_progress(pending: Pending, server: AuthorizationServer) -> None:
    """The sign-in is over."""
    if pending.asked.sealed_progress is not None:
        await server.store.requests.keep_progress(pending.asked.digest, None)


def load_progress(pending: Pending) -> Progress | None:
    """What was kept last."""
    sealed = pending.asked.sealed_progress
    plain = unseal_state(pending.handle, sealed) if sealed is not None else None
    if plain is None:
        return None
    kept = json.loads(plain)
    match kept.pop("step"):
        case CodeSent.__name__:
            recipient = kept["recipient"]
            return CodeSent(Recipient(Channel(recipient["channel"]), recipient["address"]), kept["code_verifier"])
        case SentAway.__name__:
            return SentAway(kept["code_verifier"])
        case _:
            factors = tuple(SecondFactor(**factor) for factor in kept.pop("factors"))
            return FactorAsked(factors=factors, **kept)


def lapsed_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """A step that nothing leads to any more."""
    return message_page(
        request,
        server,
        Message(
            "This step of signing in is over",
            "It was done already, or it waited too long. Nothing was shared.",
            "Sign in again; the app is still waiting.",
            reason=ReasonCode.SIGN_IN_LAPSED,
            link=f"/signin?request={pending.handle}",
            link_text="Sign in",
        ),
    )
