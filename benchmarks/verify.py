"""verify-cached and verify-fresh: what the verifier adds to the arithmetic that cannot be left out."""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.results import Result, of_rounds
from benchmarks.seeding import seeder
from mcp_auth.revocations import Revocations
from mcp_auth.supabase.liveness import Liveness
from mcp_auth.supabase.states import StateStore
from mcp_auth.users.standings import Standings
from mcp_auth.users.store import UserStore
from mcp_auth.verifier import SupabaseTokenVerifier
from oauth import jws
from oauth.clock import system_clock
from oauth.credentials import KeyEncryption
from oauth.key_ring import KeyRing
from oauth.stores.opening import store_on
from oauth.vocabulary import Subject
from servers.resources import USER_PATH, create_resources

ROUNDS = 9
_CACHED = 20_000
_FRESH = 1_500
_URL = "http://127.0.0.1:8000"


class _NobodyEnds:
    """Nobody is banned here."""

    async def of_everything(self, _: Subject) -> None: ...

    async def of_grants(self, _: Subject) -> None: ...


async def verify(database_url: str, secret: str) -> list[Result]:
    """Both, in this process: CPU microseconds per verification."""
    async with seeder(database_url, _URL, secret) as seed:
        ring = KeyRing(store_on(seed.database), KeyEncryption((secret,), secrets.token_bytes), timedelta(minutes=30))
        await ring.load(system_clock())
        users = UserStore(seed.database)
        resource = next(each for each in create_resources(_URL, "benchmark") if each.path == USER_PATH)

        def verifier() -> SupabaseTokenVerifier:
            liveness = Liveness(None, None, StateStore(seed.database), _NobodyEnds(), system_clock, timedelta(hours=1))
            standings = Standings(users, liveness, system_clock)
            return SupabaseTokenVerifier(
                resource,
                issuer=_URL,
                keys=ring,
                sessions=None,
                standings=standings,
                revocations=Revocations(standings.forget),
                clock=system_clock,
                on_first_sight=lambda _: None,
            )

        token = await seed.access_token()
        fresh = [await seed.access_token() for _ in range(_FRESH)]
        cached = await _cached(verifier(), token)
        return [cached, await _fresh(verifier, fresh, ring)]


async def _cached(verifier: SupabaseTokenVerifier, token: str) -> Result:
    known = {hashlib.sha256(token.encode()).digest(): token}

    def floor() -> None:
        for _ in range(_CACHED):
            known.get(hashlib.sha256(token.encode()).digest())

    async def subject() -> None:
        for _ in range(_CACHED):
            await verifier.verify(token)

    await subject()
    floors, subjects = [], []
    for _ in range(ROUNDS):
        floors.append(_cpu(floor) / _CACHED)
        subjects.append(await _cpu_of(subject()) / _CACHED)
    return of_rounds("verify-cached", "µs", floors, subjects, 3.0)


async def _fresh(make: Callable[[], SupabaseTokenVerifier], tokens: list[str], ring: KeyRing) -> Result:
    key = ring.keys.all[0].verification.key
    taken_apart = [token for token in map(jws.read, tokens) if not isinstance(token, str)]
    raw = [
        (encode_dss_signature(int.from_bytes(t.signature[:32]), int.from_bytes(t.signature[32:])), t.signed)
        for t in taken_apart
    ]

    def floor() -> None:
        for signature, signed in raw:
            key.verify(signature, signed, ec.ECDSA(SHA256()))

    async def subject(verifier: SupabaseTokenVerifier) -> None:
        for token in tokens:
            await verifier.verify(token)

    floors, subjects = [], []
    for _ in range(ROUNDS):
        verifier = make()
        await verifier.verify(tokens[0])  # the person's standing is read once, as in life
        floors.append(_cpu(floor) / len(tokens))
        subjects.append(await _cpu_of(subject(verifier)) / len(tokens))
    return of_rounds("verify-fresh", "µs", floors, subjects, 1.6)


def _cpu(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e6


async def _cpu_of(work: Awaitable[None]) -> float:
    before = time.process_time()
    await work
    return (time.process_time() - before) * 1e6
