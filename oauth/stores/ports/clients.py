"""Clients: registered by themselves, by metadata document, by the operator's file or command."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from oauth.foundation.vocabulary import ClientId, Digest, GrantId
from oauth.protocol.models import Client


class Clients(Protocol):
    """Clients, however they became known."""

    async def get(self, client_id: ClientId) -> Client | None:
        """The client of that id, disabled or not."""
        ...

    async def put(self, client: Client) -> None:
        """Add a client, or replace its record."""
        ...

    async def register(self, client: Client, most_unused: int, evict_before: datetime) -> Client | None:
        """Add a self-registered client. At `most_unused` clients without a grant, evict the one that expires next and
        was idle since `evict_before`.

        → the client; the existing one where its `registered_as` is taken; None when nothing could be evicted.
        Registrations of the same moment may each take the last place; the next one evicts for them."""
        ...

    async def renew_registration(self, registered_as: Digest, expires_at: datetime) -> Client | None:
        """The same registration again. → the existing client, unmanaged from now on, since several share it; None if
        there is none. An unused one expires at `expires_at`."""
        ...

    async def renew_published(self, client: Client) -> Client | None:
        """Replace what a client publishes of itself, and postpone its expiry. → the client as stored; None when it is
        unknown."""
        ...

    async def renew_keys(self, client_id: ClientId, jwks_uri: str, jwks: str) -> None:
        """Replace the public keys of a client whose keys are still published at `jwks_uri`."""
        ...

    async def change_registration(self, client: Client, registration_token: Digest) -> bool:
        """Replace a client's metadata. False when this token does not manage it or it is disabled."""
        ...

    async def newest(self, limit: int) -> Sequence[Client]:
        """Clients, newest first."""
        ...

    async def list_configured(self) -> Sequence[Client]:
        """Clients that the operator's file declares or declared before."""
        ...

    async def end(
        self, client_id: ClientId, now: datetime, news_until: datetime, *, remove: bool = False
    ) -> Sequence[GrantId]:
        """Disable a client, or with `remove` delete it, and revoke all its grants on every node. Idempotent.

        A client that is disabled already keeps the time. While it is disabled, its registration does not expire.
        → the revoked grants. news_until: when no access token of theirs can be valid any more."""
        ...

    async def enable(self, client_id: ClientId, now: datetime) -> bool:
        """Enable a disabled client. One that registered itself and has no grant begins to expire again.

        → whether it was disabled."""
        ...

    async def rotate_secret(self, client_id: ClientId, secret: Digest) -> Client | None:
        """Give a client a new secret; the one before stays good beside it. → the client; None when it is gone."""
        ...

    async def end_former_secret(self, client_id: ClientId) -> Client | None:
        """Make the secret before the newest one invalid. → the client; None when it is gone."""
        ...
