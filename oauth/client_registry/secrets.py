"""Client secrets: what is stored of one, and the check, which is slow by design and so is left to a thread beside the
event loop (OAuth 2.1 §2.4.1)."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from oauth.foundation import credentials
from oauth.foundation.admission_queue import AdmissionQueue
from oauth.foundation.credentials import Entropy, digest
from oauth.foundation.vocabulary import Digest

T = TypeVar("T")

# OWASP's argon2id, 19 MiB and two passes: some 20 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
_SALT_BYTES = 16
_DIGEST_BYTES = 32
# About a second's work: whoever comes when so many wait is told to come back.
MOST_WAITING = 48
_MOST_REMEMBERED = 10_000


def hash_secret(secret: str, entropy: Entropy) -> Digest:
    """What is stored: argon2id, encoded with its parameters. Takes some 20 ms."""
    return Digest(_HASHER.hash(_bytes(secret), salt=entropy(_SALT_BYTES)).encode())


def matches(secret: str, stored: Digest) -> bool:
    """Is it the secret that this is stored of? Takes as long."""
    # Until 0003 it was a SHA-256 of 256 random bits, which is still good.
    if len(stored) == _DIGEST_BYTES:
        return credentials.matches(secret, stored)
    try:
        return _HASHER.verify(stored, _bytes(secret))
    except (VerificationError, InvalidHashError, UnicodeDecodeError):
        return False


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


class ClientSecrets:
    """Checks and hashes in one thread, for a bounded number of callers at a time. A secret that was right is
    remembered, so that a client which uses it waits for nobody who guesses."""

    def __init__(self, entropy: Entropy, most_waiting: int = MOST_WAITING) -> None:
        self._entropy = entropy
        self._queue = AdmissionQueue("the check of a client secret", at_once=1, most=most_waiting)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="client-secrets")
        self._right: OrderedDict[tuple[Digest, Digest], None] = OrderedDict()
        self._guesses: dict[tuple[Digest, Digest], asyncio.Task[Any]] = {}

    def remembered(self, secret: str, stored: Iterable[Digest]) -> Digest | None:
        """Which of them the secret has been found to match before."""
        own = digest(secret)
        for each in stored:
            if (own, each) in self._right:
                self._right.move_to_end((own, each))
                return each
        return None

    async def once(self, secret: str, whence: Digest, guess: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `guess` yields. Whoever sends the same secret from there meanwhile waits for that: the requests that a
        busy client makes at once are one guess."""
        key = (digest(secret), whence)
        task = self._guesses.get(key)
        if task is None:
            task = asyncio.create_task(guess())
            self._guesses[key] = task
            task.add_done_callback(lambda _: self._guesses.pop(key))
        yielded: T = await asyncio.shield(task)
        return yielded

    async def match(self, secret: str, stored: Iterable[Digest]) -> Digest | None:
        """Which of them the secret matches. Raises TooManyWaiting."""
        for each in stored:
            if await self._run(partial(matches, secret, each)):
                self._right[digest(secret), each] = None
                if len(self._right) > _MOST_REMEMBERED:
                    self._right.popitem(last=False)
                return each
        return None

    async def hashed(self, secret: str) -> Digest:
        """What to store of a new one. Raises TooManyWaiting."""
        return await self._run(partial(hash_secret, secret, self._entropy))

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._queue.turn():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
