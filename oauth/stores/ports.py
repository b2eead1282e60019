"""What the endpoints ask of a store. Every call is one transaction, on disk when it returns; StoreUnavailable
means that nothing was written. The contract tests run over every implementation."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from oauth.flow_history.events import FlowStep
from oauth.foundation.vocabulary import ClientId, Digest, GrantId, Subject
from oauth.protocol.grant_types.decision import CodeDecision, Issue, RefreshDecision, Refuse
from oauth.protocol.models import (
    AuthorizationCode,
    AuthorizationRequest,
    Client,
    Grant,
    PushedRequest,
    RefreshToken,
    Revocation,
    SignInSession,
)

DecideCode = Callable[[Client | None, AuthorizationCode | None], CodeDecision]
# The plain token that the record was found by comes first.
DecideRefresh = Callable[[str, Client | None, RefreshToken | None], RefreshDecision]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An access token of this generation of the grant was presented at a resource: its reply had arrived."""

    grant_id: GrantId
    generation: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many, and when their window ends."""

    count: int
    until: datetime

    def seconds_left(self, now: datetime) -> int:
        """Until then, one at least: for Retry-After."""
        return max(1, -(-(self.until - now) // timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class StoredSigningKey:
    """A signing key as it is kept. number counts up from 1; public_jwk is JSON."""

    number: int
    kid: str
    algorithm: str
    public_jwk: str
    sealed_private_key: bytes
    created_at: datetime
    signs_from: datetime


SoughtBy = Literal["flow_id", "client_id", "grant_id", "request_id", "network"]


@dataclass(frozen=True, slots=True)
class FlowsSought:
    """The steps of one flow, client, grant or request, or from one network. since, until: when they were recorded,
    these instants included."""

    by: SoughtBy
    value: str | bytes
    since: datetime | None = None
    until: datetime | None = None


class Store(Protocol):
    """Clients, requests, grants, tokens, sessions, keys."""

    async def client(self, client_id: ClientId) -> Client | None:
        """The client of that id."""
        ...

    async def put_client(self, client: Client) -> None:
        """Add the client, or replace what is known of it."""
        ...

    async def add_registration(self, client: Client, most_unused: int, evict_before: datetime) -> Client | None:
        """Add a client that came by itself, unless that would make too many without a grant: then one goes that would
        expire next and that nobody has asked for since evict_before. → the client; the one that is there already,
        where its `registered_as` is taken; None when there is no room. Several that come in one moment may each find
        the last place; the next one makes up for them."""
        ...

    async def renew_registration(self, registered_as: Digest, expires_at: datetime) -> Client | None:
        """Somebody registers what is registered already. → that client, if it is unused for as long as a new one, and
        managed by nobody: it belongs to more than one."""
        ...

    async def renew_published(self, client: Client) -> Client | None:
        """Replace what a client publishes of itself, and put off its end. → the client as it is then; None when there
        is none yet."""
        ...

    async def renew_keys(self, client_id: ClientId, jwks_uri: str, jwks: str) -> None:
        """Replace the public keys of a client, if that is still where it publishes them."""
        ...

    async def change_registration(self, client: Client, registration_token: Digest) -> bool:
        """Replace the metadata of a client, as long as this token manages it and it is not switched off."""
        ...

    async def clients(self, limit: int) -> Sequence[Client]:
        """The clients that there are, newest first."""
        ...

    async def configured_clients(self) -> Sequence[Client]:
        """Those that the operator's file has declared, now or before."""
        ...

    async def end_client(
        self, client_id: ClientId, now: datetime, news_until: datetime, *, remove: bool = False
    ) -> Sequence[GrantId]:
        """End all grants of a client and tell every node; with `remove`, forget it and them as well.

        → the grants that were ended. news_until: when no access token of theirs can be good any more."""
        ...

    async def add_pushed_request(self, request: PushedRequest) -> bool:
        """Keep what a client sent ahead, until its browser comes or it expires. False: the client is gone."""
        ...

    async def pushed_request(self, digest: Digest, client_id: ClientId, now: datetime) -> PushedRequest | None:
        """The request of that request_uri, if it is this client's, has not expired and was not used."""
        ...

    async def add_authorization_request(self, request: AuthorizationRequest, pushed: Digest | None = None) -> bool:
        """Keep a validated request until it is answered or expires. pushed: of the pushed request that it is, which is
        used up with this. False: its client is gone, or that was used up meanwhile; then nothing was written."""
        ...

    async def authorization_request(self, digest: Digest) -> AuthorizationRequest | None:
        """The request of that handle, answered or not."""
        ...

    async def answer_authorization_request(
        self, digest: Digest, sealed_answer: bytes, code: AuthorizationCode | None, now: datetime
    ) -> AuthorizationRequest | None:
        """Answer the request, once, and add the code with its grant where the answer is yes.

        → the request as it is afterwards, with the answer that stands: this one, or an earlier one. None when the
        request or its client is gone; then nothing was added."""
        ...

    async def keep_progress(self, digest: Digest, sealed_progress: bytes | None) -> None:
        """How far the sign-in of a request has come; None forgets it."""
        ...

    async def count_attempts(self, keys: Sequence[Digest], now: datetime, window: timedelta) -> Sequence[Attempts]:
        """Count one more attempt for each key. → what has been counted of each in its window, this one included.

        A window begins with its first attempt."""
        ...

    async def add_attempts(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        """Add to what has been counted of each key. → the new counts. until: the end of the window, whose keys are of
        no other."""
        ...

    async def forget_attempts(self, key: Digest) -> None:
        """Begin anew with a key."""
        ...

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """Decide on the client and the code as stored, and carry it out: of any number of redemptions one wins.

        Losers decide again on the code as it then is. Revoking is left to the caller."""
        ...

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """The same for a refresh token, following superseded ones to the head as the decision says."""
        ...

    async def authorization_code(self, digest: Digest) -> AuthorizationCode | None:
        """The code of that digest, redeemed or not."""
        ...

    async def grant_of_refresh_token(self, digest: Digest) -> Grant | None:
        """The grant that a refresh token belongs to, superseded or not."""
        ...

    async def grant(self, grant_id: GrantId) -> Grant | None:
        """The grant, revoked or not."""
        ...

    async def add_grant(self, grant: Grant) -> bool:
        """Add a grant that comes without a code, unless its client is gone or switched off: then False."""
        ...

    async def link_subject(self, issuer: str, issuer_subject: str, subject: Subject, now: datetime) -> None:
        """From now on, this is who an identity provider means by its subject."""
        ...

    async def unlink_subject(self, issuer: str, issuer_subject: str) -> bool:
        """Nobody is meant by it any more. → was somebody?"""
        ...

    async def unlink_person(self, subject: Subject) -> None:
        """No identity provider means this person any more. Again is no harm."""
        ...

    async def linked_subject(self, issuer: str, issuer_subject: str) -> Subject | None:
        """Who an identity provider means by its subject (STD-223)."""
        ...

    async def revoke_grant(self, grant_id: GrantId, revocation: Revocation) -> None:
        """End the grant and tell every node. Again is no harm."""
        ...

    async def revoke_subject(self, subject: Subject, revocation: Revocation) -> Sequence[GrantId]:
        """End all grants and sign-in sessions of a person and tell every node. → the grants that were ended."""
        ...

    async def subjects_with_access(self, subjects: Collection[Subject], now: datetime) -> Collection[Subject]:
        """Those of them who have a live grant or sign-in session."""
        ...

    async def add_revocation(self, revocation: Revocation) -> None:
        """Tell every node of an access token that ended by itself, or of a person whose state changed."""
        ...

    async def revocations(self, recorded_after: datetime, now: datetime) -> Sequence[Revocation]:
        """What was recorded after an instant and still matters."""
        ...

    async def mark_seen(self, sightings: Collection[Sighting], now: datetime) -> None:
        """Note that the refresh tokens of these generations reached their clients."""
        ...

    async def add_sign_in_session(self, session: SignInSession) -> None:
        """Keep a browser signed in."""
        ...

    async def sign_in_session(self, digest: Digest) -> SignInSession | None:
        """The session of that cookie."""
        ...

    async def remove_sign_in_session(self, digest: Digest) -> None:
        """Sign a browser out. Again is no harm."""
        ...

    async def signing_keys(self) -> Sequence[StoredSigningKey]:
        """All keys, oldest first."""
        ...

    async def add_signing_key(self, key: StoredSigningKey) -> bool:
        """Add the key, unless another node added one of that number first: then False."""
        ...

    async def add_flow_steps(self, steps: Sequence[FlowStep]) -> None:
        """Write down what has happened."""
        ...

    async def flow_steps(self, sought: FlowsSought, limit: int) -> Sequence[FlowStep]:
        """The newest of the steps that are sought, oldest first. However many there are, no more are read."""
        ...

    async def sweep(self, now: datetime, limit: int) -> int:
        """Delete what has expired, at most `limit` rows of each kind, each kind by itself. → how many rows went."""
        ...

    async def check(self) -> None:
        """Does the database answer? StoreUnavailable, if it does not."""
        ...
