"""mcp-auth users: the local users, their roles, and who they are to identity providers elsewhere."""

import sys

from cyclopts import App

from mcp_auth.users.store import UserStore
from oauth.foundation.clock import system_clock
from oauth.foundation.vocabulary import Role
from oauth.stores.opening import store_on
from servers.commands.common import command_actor, command_settings, open_for_command, revoker_on, run
from servers.operations.users import (
    accounts_on,
    activate_user,
    deactivate_user,
    find_user,
    link_identity,
    set_user_role,
    unlink_identity,
)

users = App(name="users", help="The local users and their roles.")

_MOST_LISTED = 100


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
    async with open_for_command(command_settings()) as database:
        for user in await UserStore(database).find(text, _MOST_LISTED):
            active = "active" if user.is_active else "inactive"
            sys.stdout.write(f"{user.supabase_id or '-'}\t{user.role}\t{active}\t{user.email or user.phone or ''}\n")


async def _set_role(name: str, role: Role) -> None:
    async with open_for_command(command_settings()) as database:
        accounts = accounts_on(database)
        subject = await find_user(name, accounts.users)
        await set_user_role(subject, role, command_actor(), accounts, revoker_on(database))
    sys.stdout.write(f"{subject}\t{role}\n")


async def _deactivate(name: str) -> None:
    async with open_for_command(command_settings()) as database:
        accounts = accounts_on(database)
        subject = await find_user(name, accounts.users)
        await deactivate_user(subject, command_actor(), accounts, revoker_on(database))
    sys.stdout.write(f"{subject}\tinactive\n")


async def _activate(name: str) -> None:
    async with open_for_command(command_settings()) as database:
        accounts = accounts_on(database)
        subject = await find_user(name, accounts.users)
        await activate_user(subject, command_actor(), accounts, revoker_on(database))
    sys.stdout.write(f"{subject}\tactive\n")


async def _link(name: str, issuer: str, issuer_subject: str) -> None:
    async with open_for_command(command_settings()) as database:
        accounts, people = accounts_on(database), store_on(database).people
        subject = await find_user(name, accounts.users)
        await link_identity(issuer, issuer_subject, subject, command_actor(), accounts, people, system_clock)
    sys.stdout.write(f"{subject}\t{issuer}\t{issuer_subject}\n")


async def _unlink(issuer: str, issuer_subject: str) -> None:
    async with open_for_command(command_settings()) as database:
        await unlink_identity(issuer, issuer_subject, command_actor(), store_on(database).people)
    sys.stdout.write(f"unlinked\t{issuer}\t{issuer_subject}\n")
