"""verify-cached and verify-fresh: what the verifier adds to the arithmetic that cannot be left out.
verify-checked: what revocations and the states of people add to a call whose token was seen before."""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.results import Result, of_rounds
from benchmarks.seeding import seeder
from mcp_auth.supabase.account_states import AccountStates
from mcp_auth.supabase.liveness import Liveness
from mcp_auth.tokens.revocations import Revocations
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.users.store import UserStore
from mcp_auth.verifier import SupabaseTokenVerifier
from oauth.foundation.clock import system_clock
from oauth.foundation.credentials import KeyEncryption
from oauth.foundation.vocabulary import Subject
from oauth.jose import jws
from oauth.key_ring import KeyRing
from oauth.protocol.models import Revocation, RevocationKind
from oauth.stores.opening import store_on
from servers.configuration.resources import USER_PATH, create_resources

ROUNDS = 9
_CACHED = 20_000
_FRESH = 1_500
# Of a day on which much is revoked: so many are known, and between two polls there are thousands of calls.
_REVOCATIONS = 10_000
_CALLS_BETWEEN_NEWS = 1_000
_URL = "http://127.0.0.1:8000"


class _NobodyEnds:
    """Nobody is banned here."""

    async def end_everything(self, subject: Subject, reason: str) -> None: ...

    async def end_grants(self, subject: Subject, reason: str) -> None: ...

    async def remove_links(self, _: Subject) -> None: ...

    async def select_with_access(self, _: Collection[Subject]) -> Collection[Subject]:
        return ()


async def verify(database_url: str, secret: str) -> list[Result]:
    """All three, in this process: CPU microseconds per verification."""
    async with seeder(database_url, _URL, secret) as seed:
        ring = KeyRing(
            store_on(seed.database).signing_keys, KeyEncryption((secret,), secrets.token_bytes), timedelta(minutes=30)
        )
        await ring.load(system_clock())
        users = UserStore(seed.database)
        resource = next(each for each in create_resources(_URL, "benchmark") if each.path == USER_PATH)

        def verifier(revocations: Revocations | None = None) -> SupabaseTokenVerifier:
            liveness = Liveness(
                None, None, AccountStates(seed.database), _NobodyEnds(), system_clock, timedelta(hours=1)
            )
            standings = AccessStatuses(users, liveness, system_clock)
            return SupabaseTokenVerifier(
                resource,
                issuer=_URL,
                keys=ring,
                sessions=None,
                access_statuses=standings,
                revocations=revocations or Revocations(standings.forget),
                clock=system_clock,
                on_first_sight=lambda _: None,
            )

        token = await seed.access_token()
        fresh = [await seed.access_token() for _ in range(_FRESH)]
        cached = await _cached(verifier(), token)
        busy = Revocations(lambda _: None)
        busy.add_all([_revocation() for _ in range(_REVOCATIONS)], system_clock())
        checked = await _checked(verifier(), verifier(busy), busy, token)
        return [cached, await _fresh(verifier, fresh, ring), checked]


async def _checked(
    quiet: SupabaseTokenVerifier, busy: SupabaseTokenVerifier, revocations: Revocations, token: str
) -> Result:
    """A verified call at a node that knows of many revocations and hears of more, against one where nothing happens."""

    async def calls(verifier: SupabaseTokenVerifier, news: Callable[[Revocation], None]) -> None:
        for number in range(_CACHED):
            if number % _CALLS_BETWEEN_NEWS == 0:
                news(_revocation())
            await verifier.verify(token)

    floors, subjects = [], []
    for _ in range(ROUNDS):
        floors.append(await _cpu_of(calls(quiet, lambda _: None)) / _CACHED)
        subjects.append(await _cpu_of(calls(busy, revocations.add)) / _CACHED)
    return of_rounds("verify-checked", "µs", floors, subjects, 1.1)


def _revocation() -> Revocation:
    now = system_clock()
    return Revocation(RevocationKind.GRANT, secrets.token_urlsafe(32), now, now + timedelta(hours=1))


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
