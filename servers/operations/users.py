"""Operations on users: set a role, deactivate, activate, link to an identity provider.

All raise StoreUnavailable. Those that take a subject raise UnknownUser where it has no row and, except for
`deactivate_user`, AccountDeleted where the account is deleted."""

from dataclasses import dataclass

from mcp_auth.supabase.account_states import AccountStates, State
from mcp_auth.supabase.sealed_sessions import SealedSessions
from mcp_auth.users.models import User
from mcp_auth.users.store import UserStore
from oauth.database.database import Database
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.models import RevocationKind
from oauth.revocation import Revoker
from oauth.stores.ports import People
from servers.operations.actor import Actor, record
from servers.operations.end_access import end_access
from servers.operations.problems import AccountDeleted, IdentityNotLinked, UnknownUser


@dataclass(frozen=True, slots=True)
class Accounts:
    """The stores of users in a database, apart from their grants.

    users: the local rows.
    states: the last state of each account at Supabase.
    sessions: the sealed Supabase sessions."""

    users: UserStore
    states: AccountStates
    sessions: SealedSessions


def accounts_on(database: Database) -> Accounts:
    """The accounts in an open database."""
    return Accounts(UserStore(database), AccountStates(database), SealedSessions(database))


async def find_user(name: str, users: UserStore) -> Subject:
    """The subject of the user with that Supabase id or email address.

    name: the whole id, or the whole address in upper or lower case.
    Raises UnknownUser, also for a user who has not signed in yet."""
    user = None
    # PostgreSQL refuses NUL and lone surrogates, which no id or address contains.
    if name.isprintable():
        user = await users.get(Subject(name)) or await users.by_email(name.lower())
    if user is None or user.supabase_id is None:
        raise UnknownUser(name)
    return user.supabase_id


async def set_user_role(subject: Subject, role: Role, actor: Actor, accounts: Accounts, revoker: Revoker) -> None:
    """Give a user a role. Every node reads it within seconds (D-13)."""
    await _get_existing_account(subject, accounts)
    if not await accounts.users.set_role(subject, role, revoker.clock()):
        raise AccountDeleted(subject)
    await revoker.tell_standing(subject)
    record(actor, "role_set", subject=subject, role=role.value)


async def deactivate_user(subject: Subject, actor: Actor, accounts: Accounts, revoker: Revoker) -> None:
    """Refuse a user at every sign-in and call, and end all access on every node. Idempotent.

    Links to identity providers stay, but have no effect until the user is activated. Remaining access of a deleted
    account ends as well."""
    if await accounts.users.get(subject) is None:
        raise UnknownUser(subject)
    # First, so that later sign-ins are refused and no grant is issued after the others have ended.
    await accounts.users.set_active(subject, revoker.clock(), active=False)
    await end_access(subject, RevocationKind.SUBJECT, "user_deactivated", actor, revoker, accounts.sessions)
    record(actor, "user_deactivated", subject=subject)


async def activate_user(subject: Subject, actor: Actor, accounts: Accounts, revoker: Revoker) -> None:
    """Admit a deactivated user, who has to sign in again. Idempotent: the access of an active user stays."""
    user = await _get_existing_account(subject, accounts)
    if not user.is_active:
        # Other nodes learn of a deactivation within 5 s. This ends the grants that they issued before.
        kind = RevocationKind.SUBJECT_GRANTS
        await end_access(subject, kind, "user_activated", actor, revoker, accounts.sessions)
    if not await accounts.users.set_active(subject, revoker.clock(), active=True):
        raise AccountDeleted(subject)
    await revoker.tell_standing(subject)
    record(actor, "user_activated", subject=subject)


async def link_identity(
    issuer: str, issuer_subject: str, subject: Subject, actor: Actor, accounts: Accounts, people: People, clock: Clock
) -> None:
    """Link an identity provider's subject to a user, so that its assertions are accepted. Replaces an earlier link.

    issuer: the `iss` of the assertions.
    issuer_subject: their `sub`."""
    await _get_existing_account(subject, accounts)
    await people.link(issuer, issuer_subject, subject, clock())
    record(actor, "identity_linked", subject=subject, issuer=issuer, issuer_subject=issuer_subject)


async def unlink_identity(issuer: str, issuer_subject: str, actor: Actor, people: People) -> None:
    """Remove a link. Tokens that an assertion was exchanged for stay valid until they expire.

    Raises IdentityNotLinked."""
    if not await people.unlink(issuer, issuer_subject):
        raise IdentityNotLinked(issuer, issuer_subject)
    record(actor, "identity_unlinked", issuer=issuer, issuer_subject=issuer_subject)


async def _get_existing_account(subject: Subject, accounts: Accounts) -> User:
    """The user, where the account is not deleted, here or by the last known state at Supabase."""
    user = await accounts.users.get(subject)
    if user is None:
        raise UnknownUser(subject)
    known = await accounts.states.get(subject)
    if user.deleted_at is not None or (known is not None and known.state is State.DELETED):
        raise AccountDeleted(subject)
    return user
