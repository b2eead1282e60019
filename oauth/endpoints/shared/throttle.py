"""Counts attempts per account, per network and in total, to slow down guessing. Also counts uses of one-time values.

The counts are in the store: all nodes share them, and a restart loses none. An account is closed to guesses until the
end of a window, never for good, and only for the method that was tried."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.foundation.credentials import digest
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ClientId, Digest


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many attempts.

    seconds: time until the window ends."""

    seconds: int

    @property
    def sentence(self) -> str:
        """What pages tell the user."""
        minutes = -(-self.seconds // 60)
        return f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}."


async def count_attempt(
    method: str, account: str, request: Request, server: AuthorizationServer, max_per_account: int | None = None
) -> Throttled | None:
    """Count an attempt before it is made. → how long to wait, where there were too many.

    method: the kind of credential that is tried, such as `password`.
    account: the account that it is tried for.
    max_per_account: attempts in a window; by default the configured number."""
    limits, now = server.settings.attempts, server.clock()
    counted = await server.store.attempts.count(
        [account_key(method, account), digest(f"address {_network(request)}"), digest("everybody")],
        now,
        limits.window,
    )
    allowed = (max_per_account or limits.per_account, limits.per_address, limits.in_total)
    over = [
        attempts.seconds_left(now) for attempts, limit in zip(counted, allowed, strict=True) if attempts.count > limit
    ]
    return Throttled(max(over)) if over else None


async def count_registration(request: Request, server: AuthorizationServer) -> Throttled | None:
    """Count a self-registration of a client, per network. → how long to wait, where there were too many."""
    now, settings = server.clock(), server.settings
    key = digest(f"registration {_network(request)}")
    (counted,) = await server.store.attempts.count([key], now, settings.attempts.window)
    return None if counted.count <= settings.registration.per_address else Throttled(counted.seconds_left(now))


async def count_secret_attempt(client_id: ClientId, request: Request, server: AuthorizationServer) -> Throttled | None:
    """Count an attempt with a client secret, per client and network. → how long to wait, where there were too many."""
    now, limits = server.clock(), server.settings.attempts
    (counted,) = await server.store.attempts.count([client_secret_key(client_id, request)], now, limits.window)
    return None if counted.count <= limits.per_client else Throttled(counted.seconds_left(now))


async def reset_secret_attempts(client_id: ClientId, request: Request, server: AuthorizationServer) -> None:
    """Reset the counter of attempts after a right secret: a caller in this network knows it."""
    await server.store.attempts.forget(client_secret_key(client_id, request))


async def record_first_use(key: Digest, until: datetime, server: AuthorizationServer) -> bool:
    """Record the use of a value that counts once. → whether it is the first use, over all nodes.

    key: identifies the value.
    until: how long the use is remembered."""
    counted = await server.store.attempts.add({key: 1}, until)
    return counted[key] == 1


def account_key(method: str, account: str) -> Digest:
    """The counter of attempts at an account by one method; a successful one resets it."""
    return digest(f"{method} {account}")


def client_secret_key(client_id: ClientId, request: Request) -> Digest:
    """The counter of attempts with secrets of a client from one network."""
    return digest(f"client secret {client_id} {_network(request)}")


def _network(request: Request) -> str:
    return context_of(request.scope).client_network
