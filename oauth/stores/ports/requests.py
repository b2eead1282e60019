"""Authorization requests that wait for the person's answer, and pushed ones that wait for the browser."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.models import AuthorizationCode, AuthorizationRequest, PushedRequest


class Requests(Protocol):
    """Pushed requests (RFC 9126) and authorization requests."""

    async def push(self, request: PushedRequest) -> bool:
        """Keep a pushed request until the browser comes or it expires. False when the client is gone."""
        ...

    async def get_pushed(self, digest: Digest, client_id: ClientId, now: datetime) -> PushedRequest | None:
        """The pushed request of that request_uri, if it is this client's, unused and not expired."""
        ...

    async def add(self, request: AuthorizationRequest, pushed: Digest | None = None) -> bool:
        """Keep a validated request until it is answered or expires, and use up the pushed request that it came from.

        False, and nothing written, when the client is gone or the pushed request was used by another."""
        ...

    async def get(self, digest: Digest) -> AuthorizationRequest | None:
        """The request of that handle, answered or not."""
        ...

    async def answer(
        self, digest: Digest, sealed_answer: bytes, code: AuthorizationCode | None, now: datetime
    ) -> AuthorizationRequest | None:
        """Answer the request once, and add the code with its grant where the answer is yes.

        → the request with the answer that stands: this one or an earlier one. None, and nothing written, when the
        request or its client is gone, or a yes is for a client that is disabled by now."""
        ...

    async def keep_progress(
        self, digest: Digest, sealed_progress: bytes | None, attempts: Sequence[Digest] = ()
    ) -> None:
        """Keep the progress of a sign-in; None forgets it. attempts: counters that begin anew, in the same
        transaction."""
        ...
