"""The progress of a sign-in in several steps, stored with the authorization request and sealed under its handle.

Any node can continue it, but only for the browser that holds the handle. Names of classes and fields are stored."""

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
    """A code was sent; an email may contain a link as well.

    recipient: where the code was sent.
    code_verifier: for the link (RFC 7636)."""

    recipient: Recipient
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentAway:
    """The browser went to a provider.

    code_verifier: for its return (RFC 7636)."""

    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FactorAsked:
    """The first factor was right, and a second one is needed.

    subject: the user who gave the first factor.
    proof: the provider's secret for continuing.
    factors: the second factors that the user can choose from.
    chosen: id of the phone factor that a code was sent for.
    challenge_id: the provider's id of that challenge."""

    subject: Subject
    proof: str = field(repr=False)
    factors: tuple[SecondFactor, ...]
    chosen: str | None = None
    challenge_id: str | None = None


Progress = CodeSent | SentAway | FactorAsked


async def save_progress(
    progress: Progress, pending: Pending, server: AuthorizationServer, *, attempts: Sequence[Digest] = ()
) -> None:
    """Store the progress for the next page. attempts: counters to reset, in the same transaction."""
    value = json.dumps({"step": type(progress).__name__, **asdict(progress)})
    sealed = seal_state(pending.handle, value, server.entropy)
    await server.store.requests.keep_progress(pending.authorization_request.digest, sealed, attempts)


async def clear_progress(pending: Pending, server: AuthorizationServer) -> None:
    """Delete the progress: the sign-in is over."""
    if pending.authorization_request.sealed_progress is not None:
        await server.store.requests.keep_progress(pending.authorization_request.digest, None)


def load_progress(pending: Pending) -> Progress | None:
    """The progress that was stored last; None where there is none."""
    sealed = pending.authorization_request.sealed_progress
    plain = unseal_state(pending.handle, sealed) if sealed is not None else None
    if plain is None:
        return None
    stored = json.loads(plain)
    match stored.pop("step"):
        case CodeSent.__name__:
            recipient = stored["recipient"]
            return CodeSent(Recipient(Channel(recipient["channel"]), recipient["address"]), stored["code_verifier"])
        case SentAway.__name__:
            return SentAway(stored["code_verifier"])
        case _:
            factors = tuple(SecondFactor(**factor) for factor in stored.pop("factors"))
            return FactorAsked(factors=factors, **stored)


def lapsed_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """The page for a step whose progress is gone."""
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
