"""Guessing is slow: attempts are counted per account, per address and in total (F-3), in the store, so that nodes
share the counts and a restart forgets none. What may be used once is counted there too.

An account is closed to guesses for the rest of a window, never for good, and only the method that was guessed at."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.foundation.credentials import digest
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ClientId, Digest


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many attempts. seconds: until the window that is full ends."""

    seconds: int

    @property
    def sentence(self) -> str:
        """For people."""
        minutes = -(-self.seconds // 60)
        return f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}."


async def count_attempt(
    method: str, account: str, request: Request, server: AuthorizationServer, most: int | None = None
) -> Throttled | None:
    """Count an attempt before it is made. → how long to wait where there were too many.

    method: what is guessed at, such as `password`. account: who is. most: per account, where it is not the usual."""
    limits, now = server.settings.attempts, server.clock()
    counted = await server.store.attempts.count(
        [account_key(method, account), digest(f"address {_address(request)}"), digest("everybody")],
        now,
        limits.window,
    )
    allowed = (most or limits.per_account, limits.per_address, limits.in_total)
    over = [
        attempts.seconds_left(now)
        for attempts, at_most in zip(counted, allowed, strict=True)
        if attempts.count > at_most
    ]
    return Throttled(max(over)) if over else None


async def count_registration(request: Request, server: AuthorizationServer) -> Throttled | None:
    """The same for a client that registers itself (F-3)."""
    now, settings = server.clock(), server.settings
    key = digest(f"registration {_address(request)}")
    (counted,) = await server.store.attempts.count([key], now, settings.attempts.window)
    return None if counted.count <= settings.registration.per_address else Throttled(counted.seconds_left(now))


async def count_secret(client_id: ClientId, request: Request, server: AuthorizationServer) -> Throttled | None:
    """The same for a client secret that nobody has found to be right yet."""
    now, limits = server.clock(), server.settings.attempts
    (counted,) = await server.store.attempts.count([secret_key(client_id, request)], now, limits.window)
    return None if counted.count <= limits.per_client else Throttled(counted.seconds_left(now))


async def forget_secrets(client_id: ClientId, request: Request, server: AuthorizationServer) -> None:
    """It was right: whoever is there knows the secret."""
    await server.store.attempts.forget(secret_key(client_id, request))


async def is_first(known_as: Digest, until: datetime, server: AuthorizationServer) -> bool:
    """Is it the first time, over all nodes, that this is used, which counts once? until: it is remembered so long."""
    counted = await server.store.attempts.add({known_as: 1}, until)
    return counted[known_as] == 1


def account_key(method: str, account: str) -> Digest:
    """The counter of guesses at an account; it begins anew when the right one was among them."""
    return digest(f"{method} {account}")


def secret_key(client_id: ClientId, request: Request) -> Digest:
    """A client and where it is asked from: what wrong secrets are counted for."""
    return digest(f"client secret {client_id} {_address(request)}")


def _address(request: Request) -> str:
    return context_of(request.scope).client_network
