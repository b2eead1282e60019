"""Resource servers that ask about tokens (RFC 7662), remembered for as long as a revocation may take (D-6).

They ask with every call that they get, and what is registered of them changes a few times a year."""

from datetime import datetime, timedelta

from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import Client
from oauth.stores.ports import Clients

REMEMBERED = timedelta(seconds=5)
_MOST_REMEMBERED = 1_000


class ResourceServers:
    """Clients as the store knew them at most five seconds ago."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._known: BoundedCache[ClientId, tuple[Client, datetime]] = BoundedCache(_MOST_REMEMBERED)

    async def client(self, client_id: ClientId) -> Client | None:
        """The client of that id. Raises StoreUnavailable where it has to be asked for."""
        now, remembered = self._clock(), self._known.get(client_id)
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        client = await self._clients.get(client_id)
        self._known.pop(client_id, None)
        if client is not None and client.introspects:
            self._known[client_id] = (client, now + REMEMBERED)
        return client
