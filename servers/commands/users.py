"""mcp-auth users: the local users, their roles, and who they are to identity providers elsewhere."""

import sys
from datetime import timedelta

from cyclopts import App

from mcp_auth.supabase.account_states import State, StateStore
from mcp_auth.users.store import UserStore
from oauth.foundation.clock import system_clock
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.models import Revocation, RevocationKind
from oauth.stores.opening import OpenDatabase, store_on
from servers.commands.common import REVOCATIONS_MATTER_FOR, command_settings, opened, run
from servers.configuration.loading import UnusableSettings

users = App(name="users", help="The local users and their roles.")

_MOST_LISTED = 100
# Longer than any node remembers where a person stands.
_STANDING_NEWS = timedelta(minutes=10)


@users.command(name="list")
def list_users(text: str = "") -> None:
    """List users whose email or phone contains a text, or whose id it is.

    Parameters
    ----------
    text
        What to look for; without it, the first users are listed.
    """
    run(_list(text))


@users.command
def set_role(user: str, role: Role) -> None:
    """Give a user a role. Every node knows within seconds.

    Parameters
    ----------
    user
        The Supabase user id, or the email address.
    role
        user, agent or admin.
    """
    run(_set_role(user, role))


@users.command
def deactivate(user: str) -> None:
    """Let a user in no more: grants, sign-ins and tokens end on every node within seconds.

    Parameters
    ----------
    user
        The Supabase user id, or the email address.
    """
    run(_deactivate(user))


@users.command
def activate(user: str) -> None:
    """Let a user in again, who has to sign in anew.

    Parameters
    ----------
    user
        The Supabase user id, or the email address.
    """
    run(_activate(user))


@users.command
def link(user: str, issuer: str, subject: str) -> None:
    """Say who a user is to an identity provider that MCP_AUTH_TRUSTED_ISSUERS names, so that its assertions count.

    Parameters
    ----------
    user
        The Supabase user id, or the email address.
    issuer
        The provider, as the `iss` of its assertions names it.
    subject
        The person, as their `sub` names them.
    """
    run(_link(user, issuer, subject))


@users.command
def unlink(issuer: str, subject: str) -> None:
    """Forget who somebody is to an identity provider. Tokens that were issued on its word live on until they expire.

    Parameters
    ----------
    issuer
        The provider, as the `iss` of its assertions names it.
    subject
        The person, as their `sub` names them.
    """
    run(_unlink(issuer, subject))


async def _list(text: str) -> None:
    async with opened(command_settings()) as database:
        for user in await UserStore(database).find(text, _MOST_LISTED):
            active = "active" if user.is_active else "inactive"
            sys.stdout.write(f"{user.supabase_id or '-'}\t{user.role}\t{active}\t{user.email or user.phone or ''}\n")


async def _set_role(name: str, role: Role) -> None:
    now = system_clock()
    async with opened(command_settings()) as database:
        subject = await _find(database, name)
        await UserStore(database).set_role(subject, role, now)
        news = Revocation(RevocationKind.STANDING, subject, now, now + _STANDING_NEWS)
        await store_on(database).revocations.add(news)
    sys.stdout.write(f"{subject}\t{role}\n")


async def _deactivate(name: str) -> None:
    now = system_clock()
    async with opened(command_settings()) as database:
        subject = await _find(database, name)
        # Before the rest: whoever signs in meanwhile is refused already.
        await UserStore(database).set_active(subject, now, active=False)
        await store_on(database).grants.revoke_subject(
            subject, Revocation(RevocationKind.SUBJECT, subject, now, now + REVOCATIONS_MATTER_FOR)
        )
    sys.stdout.write(f"{subject}\tinactive\n")


async def _activate(name: str) -> None:
    now = system_clock()
    async with opened(command_settings()) as database:
        subject = await _find_account(database, name)
        await UserStore(database).set_active(subject, now, active=True)
        await store_on(database).revocations.add(
            Revocation(RevocationKind.STANDING, subject, now, now + _STANDING_NEWS)
        )
    sys.stdout.write(f"{subject}\tactive\n")


async def _link(name: str, issuer: str, issuer_subject: str) -> None:
    async with opened(command_settings()) as database:
        subject = await _find_account(database, name)
        await store_on(database).people.link(issuer, issuer_subject, subject, system_clock())
    sys.stdout.write(f"{subject}\t{issuer}\t{issuer_subject}\n")


async def _unlink(issuer: str, issuer_subject: str) -> None:
    async with opened(command_settings()) as database:
        if not await store_on(database).people.unlink(issuer, issuer_subject):
            raise UnusableSettings(f"Nobody is linked to {issuer_subject} of {issuer}.")
    sys.stdout.write(f"unlinked\t{issuer}\t{issuer_subject}\n")


async def _find(database: OpenDatabase, name: str) -> Subject:
    found = [user for user in await UserStore(database).find(name, 2) if name.lower() in {user.supabase_id, user.email}]
    subject = found[0].supabase_id if found else None
    if subject is None:
        raise UnusableSettings(f"There is no user {name}: people get a row when they first sign in.")
    return subject


async def _find_account(database: OpenDatabase, name: str) -> Subject:
    """Of somebody whose account was not deleted, here or at Supabase."""
    subject = await _find(database, name)
    user, known = await UserStore(database).get(subject), await StateStore(database).get(subject)
    if (user is not None and user.deleted_at is not None) or (known is not None and known.state is State.DELETED):
        raise UnusableSettings(f"The account {subject} has been deleted.")
    return subject
