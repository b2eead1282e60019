"""The parts of a node that concern people: Supabase's side, the local side, and how either ends access."""

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
from servers.composition.background import Intervals, run_periodically
from servers.configuration.settings import GatewaySettings
from servers.operations.actor import Actor, ActorKind
from servers.operations.end_access import StoredAccessEnd

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class People:
    """The parts that concern people.

    supabase: calls the project with its publishable key.
    introspection: asks Supabase whether a session is still valid.
    users: the local rows.
    access_statuses: whether and in which role each user has access.
    revocations: the tokens that are refused, in memory.
    revoker: ends grants, clients and people in the store.
    access_end: ends a person's access because Supabase says so.
    liveness: whether each account still exists and is not banned.
    sessions: verifies Supabase sessions that are presented to a resource.
    resource_owners: signs users in.
    deletion: deletes accounts; None where there is no secret key for Supabase's admin API."""

    supabase: SupabaseClient
    introspection: Introspection
    users: UserStore
    access_statuses: AccessStatuses
    revocations: Revocations
    revoker: Revoker
    access_end: AccessEnd
    liveness: Liveness
    sessions: SupabaseSessions
    resource_owners: SupabaseResourceOwners
    deletion: AccountDeletion | None

    async def settle_deletions(self) -> None:
        """Finish the deletions that an outage interrupted; see AccountDeletion."""
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
    """Open these parts. While the context is open, Supabase is asked in rounds about users who have access."""
    async with httpx.AsyncClient() as http:
        supabase = SupabaseClient(settings.supabase_url, settings.supabase_publishable_key.get_secret_value(), http)
        keys = SupabaseKeys(supabase, clock, settings.shared_supabase_key)
        introspection = Introspection(supabase, clock)
        users = UserStore(database, settings.default_phone_region)

        # A function, because `revocations` needs `access_statuses`, which needs to know how access ends.
        def announce(revocation: Revocation) -> None:
            revocations.add(revocation)

        sealed_sessions = SealedSessions(database)
        vault = SessionVault(supabase, sealed_sessions, encryption, clock)
        revoker = Revoker(store, announce, clock, settings.authorization_server().revocations_matter_for)
        access_end = StoredAccessEnd(revoker, sealed_sessions, Actor(ActorKind.SUPABASE, settings.supabase_url))
        admin = _open_admin_api(settings, http)
        liveness = Liveness(
            vault if settings.follow_sessions else None,
            admin,
            AccountStates(database),
            access_end,
            clock,
            settings.outage_tolerance,
        )
        access_statuses = AccessStatuses(users, liveness, clock)
        revocations = Revocations(on_person=access_statuses.forget)
        first_visit = FirstVisit(introspection, users, access_statuses, clock)
        people = People(
            supabase,
            introspection,
            users,
            access_statuses,
            revocations,
            revoker,
            access_end,
            liveness,
            SupabaseSessions(supabase.issuer, keys, introspection, first_visit, settings.follow_sessions),
            SupabaseResourceOwners(
                supabase,
                keys,
                introspection,
                users,
                access_statuses,
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
                run_periodically(intervals.account_states, liveness.sweep),
                run_periodically(intervals.deletions, people.settle_deletions),
            ):
                yield people
        finally:
            await liveness.close()


def _open_admin_api(settings: GatewaySettings, http: httpx.AsyncClient) -> SupabaseAdmin | None:
    """Supabase's admin API; None without a key for it."""
    if settings.supabase_secret_key is None:
        log.warning("no_supabase_secret_key", meaning="accounts cannot be deleted through the API")
        return None
    return SupabaseAdmin(SupabaseClient(settings.supabase_url, settings.supabase_secret_key.get_secret_value(), http))
