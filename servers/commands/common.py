"""What the commands share: settings, the database, and problems told in sentences."""

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

from oauth.database.database import UnsuitableDatabase, check_revision
from oauth.foundation.clock import system_clock
from oauth.foundation.outages import StoreUnavailable
from oauth.key_ring import UnreadableKeys
from oauth.revocation import Revoker, announce_to_nobody
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.sql.tables import REVISION
from servers.commands.problems import describe_problem
from servers.configuration.loading import UnusableSettings, load, load_command_settings, unknown_variables
from servers.configuration.settings import PREFIX, CommandSettings, GatewaySettings
from servers.observability import log
from servers.operations.actor import Actor, ActorKind
from servers.operations.problems import Problem

# A command does not know for how long the gateway's access tokens live: longer than any of them can.
REVOCATIONS_MATTER_FOR = timedelta(hours=25)


def run(work: Coroutine[object, object, None]) -> None:
    """Do it; what keeps it from being done is told on standard error, with status 2."""
    log.configure_for_commands()
    try:
        asyncio.run(work)
    except Problem as problem:
        _fail(describe_problem(problem))
    except (UnusableSettings, UnsuitableDatabase, UnreadableKeys) as problem:
        _fail(problem)
    except StoreUnavailable as outage:
        _fail(f"The database at {PREFIX}DATABASE_URL cannot be used: {outage}.")
    except KeyboardInterrupt:
        sys.exit(130)


def all_settings() -> GatewaySettings:
    """Every setting; a misspelt one is mentioned."""
    try:
        settings = load()
    except UnusableSettings as problem:
        _fail(problem)
    for name in unknown_variables():
        sys.stderr.write(f"mcp-auth: {name} is set, and there is no such setting: is it misspelt?\n")
    return settings


def command_settings() -> CommandSettings:
    """What a command needs that needs no secrets."""
    try:
        return load_command_settings()
    except UnusableSettings as problem:
        _fail(problem)


@asynccontextmanager
async def open_for_command(settings: CommandSettings) -> AsyncIterator[OpenDatabase]:
    """The database, for one command. UnsuitableDatabase where it is at another revision than this program needs."""
    database = await open_database(settings.database_url)
    try:
        await check_revision(database, REVISION)
        yield database
    finally:
        await database.close()


def revoker_on(database: OpenDatabase) -> Revoker:
    """Ends access; the nodes read of it from the database."""
    return Revoker(store_on(database), announce_to_nobody, system_clock, REVOCATIONS_MATTER_FOR)


def command_actor() -> Actor:
    """The operator at the command line, by the login name; by the number of the account where it has no name."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = str(os.getuid())
    return Actor(ActorKind.COMMAND, name)


def _fail(problem: object) -> NoReturn:
    sys.stderr.write("".join(f"mcp-auth: {line}\n" for line in str(problem).splitlines()))
    sys.exit(2)
