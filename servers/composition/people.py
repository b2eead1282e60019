"""What a node knows of people: Supabase's side, ours, and how access ends when either says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import structlog

from mcp_auth.supabase.account_deletion import AccountDeletion
from mcp_auth.supabase.account_states import AccountStates
from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.supabase.first_visit import FirstVisit
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.supabase.jwks import SupabaseKeys
from mcp_auth.supabase.liveness import AccessEnd, Liveness
from mcp_auth.supabase.sealed_sessions import SealedSessions
from mcp_auth.supabase.session_vault import SessionVault
from mcp_auth.supabase.sign_in import SupabaseResourceOwners
from mcp_auth.tokens.revocations import Revocations
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.users.store import UserStore
from mcp_auth.verifier import SupabaseSessions
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import KeyEncryption
from oauth.protocol.models import Revocation
from oauth.revocation import Revoker
from oauth.stores.opening import OpenDatabase
from oauth.stores.ports import Store
from servers.composition.background import Intervals, repeating
from servers.configuration.settings import GatewaySettings
from servers.operations.actor import Actor, ActorKind
from servers.operations.end_access import StoredAccessEnd

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class People:
    """deletion: None where there is no secret key for Supabase's admin API."""

    supabase: SupabaseClient
    introspection: Introspection
    users: UserStore
    standings: AccessStatuses
    revocations: Revocations
    revoker: Revoker
    access_end: AccessEnd
    liveness: Liveness
    sessions: SupabaseSessions
    resource_owners: SupabaseResourceOwners
    deletion: AccountDeletion | None

    async def settle_deletions(self) -> None:
        """See AccountDeletion."""
        if self.deletion is not None:
            await self.deletion.finish_interrupted()


@asynccontextmanager
async def open_people(
    settings: GatewaySettings,
    database: OpenDatabase,
    store: Store,
    encryption: KeyEncryption,
    clock: Clock,
    intervals: Intervals,
) -> AsyncIterator[People]:
    """All of it; while the context is open, whoever has access is asked about in rounds."""
    async with httpx.AsyncClient() as http:
        supabase = SupabaseClient(settings.supabase_url, settings.supabase_publishable_key.get_secret_value(), http)
        keys = SupabaseKeys(supabase, clock, settings.shared_supabase_key)
        introspection = Introspection(supabase, clock)
        users = UserStore(database, settings.default_phone_region)

        def announce(news: Revocation) -> None:
            revocations.add(news)  # which need the standings, which need to know how access ends

        sealed_sessions = SealedSessions(database)
        held = SessionVault(supabase, sealed_sessions, encryption, clock)
        revoker = Revoker(store, announce, clock, settings.authorization_server().revocations_matter_for)
        access_end = StoredAccessEnd(revoker, sealed_sessions, Actor(ActorKind.SUPABASE, settings.supabase_url))
        admin = _admin(settings, http)
        liveness = Liveness(
            held if settings.follow_sessions else None,
            admin,
            AccountStates(database),
            access_end,
            clock,
            settings.outage_tolerance,
        )
        standings = AccessStatuses(users, liveness, clock)
        revocations = Revocations(on_person=standings.forget)
        admission = FirstVisit(introspection, users, standings, clock)
        people = People(
            supabase,
            introspection,
            users,
            standings,
            revocations,
            revoker,
            access_end,
            liveness,
            SupabaseSessions(supabase.issuer, keys, introspection, admission, settings.follow_sessions),
            SupabaseResourceOwners(
                supabase,
                keys,
                introspection,
                users,
                standings,
                liveness,
                clock,
                region=settings.default_phone_region,
                answer_time=settings.code_answer_time,
            ),
            None
            if admin is None
            else AccountDeletion(database, users, admin, StoredAccessEnd(revoker, sealed_sessions, None), clock),
        )
        try:
            async with (
                repeating(intervals.account_states, liveness.sweep),
                repeating(intervals.deletions, people.settle_deletions),
            ):
                yield people
        finally:
            await liveness.close()


def _admin(settings: GatewaySettings, http: httpx.AsyncClient) -> SupabaseAdmin | None:
    """Supabase's admin API, where there is a key for it."""
    if settings.supabase_secret_key is None:
        log.warning("no_supabase_secret_key", meaning="accounts cannot be deleted through the API")
        return None
    return SupabaseAdmin(SupabaseClient(settings.supabase_url, settings.supabase_secret_key.get_secret_value(), http))
