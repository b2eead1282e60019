"""The command line: mcp-auth dev | serve | migrate | doctor | explain | keys | users | clients."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from oauth.database.database import parse_url
from oauth.foundation.clock import system_clock
from oauth.foundation.credentials import KeyEncryption
from oauth.key_ring import KeyRing
from oauth.stores.opening import OpenDatabase, store_on
from oauth.stores.sql.tables import REVISION
from servers.commands.clients import clients
from servers.commands.common import all_settings, command_actor, command_settings, open_for_command, run
from servers.commands.users import users
from servers.configuration.settings import GatewaySettings
from servers.observability.version import VERSION
from servers.operations import keys as signing_keys

app = App(
    name="mcp-auth",
    version=VERSION,
    help="An OAuth 2.1 authorization server and MCP gateway for apps whose people sign in with Supabase.",
)
keys = App(name="keys", help="The keys that sign access tokens.")
app.command(keys)
app.command(users)
app.command(clients)

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


@app.command
def dev(
    *, host: str = "127.0.0.1", port: Port = 8000, supabase_port: Port = 54321, data_dir: Path = Path(".mcp-auth")
) -> None:
    """Run the gateway with a stand-in for Supabase, for trying out and for tests.

    Parameters
    ----------
    host
        Address to listen on; loopback only.
    port
        Port of the gateway; 0 picks a free one.
    supabase_port
        Port of the stand-in; 0 picks a free one.
    data_dir
        Where database, keys and accounts are kept across restarts.
    """
    from servers.commands import dev  # noqa: PLC0415 - `serve` must not import the stand-in

    run(dev.run(dev.DevelopmentOptions(host, port, supabase_port, data_dir)))


@app.command
def serve(*, workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1) -> None:
    """Run the gateway in production, set up by MCP_AUTH_… variables and mcp-auth.toml.

    Parameters
    ----------
    workers
        Number of processes.
    """
    import uvicorn  # noqa: PLC0415 - the other commands do without

    settings = all_settings()
    run(_check(settings))
    uvicorn.run(
        "servers.commands.worker:create",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


@app.command
def migrate() -> None:
    """Bring the database to the revision that this version needs."""
    import migrations  # noqa: PLC0415 - Alembic is slow to import

    url = command_settings().database_url
    run(migrations.upgrade(parse_url(url)))
    sys.stderr.write(f"The database is at revision {REVISION}.\n")


@app.command
def doctor(
    url: str | None = None,
    *,
    client: Annotated[tuple[str, ...], Parameter(name="--as")] = (),
    login: bool = False,
    register: bool = True,
    json: bool = False,
) -> None:
    """Walk a deployment as each known client does, and say why one would not get in; status 1 where one would not.

    Parameters
    ----------
    url
        What people type into their assistant, such as https://mcp.example.com/mcp; by default that of the settings.
    client
        Only as these clients, separated by commas: claude, claude-code, chatgpt, codex, cursor, vscode, gemini,
        inspector.
    login
        Sign in as well, in your browser: tokens, calls, refreshes, revocation.
    register
        Register clients, and remove them again where that is possible.
    json
        One JSON object instead of lines.
    """
    from servers.doctor import visit  # noqa: PLC0415 - the other commands do without

    try:
        asked = url or f"{all_settings().public_url}/mcp"
        coming = visit.run(asked, client, system_clock(), sign_in=login, register=register, as_json=json)
        sys.exit(asyncio.run(coming))
    except visit.Unusable as problem:
        sys.stderr.write(f"mcp-auth: {problem}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command
def explain(name: str, *, json: bool = False) -> None:
    """Tell the story of an attempt to connect: what happened, how far it came, and what to do; status 1 where nothing
    is known of it.

    Parameters
    ----------
    name
        An id that a page showed which refused something (fl_…), a request id, a client id or a grant id. Of a
        client, the ten newest stories are told.
    json
        One JSON object instead of sentences.
    """
    from servers.commands import explain as explaining  # noqa: PLC0415 - the other commands do without

    try:
        run(explaining.explain(name, as_json=json))
    except explaining.NothingKnown as problem:
        sys.stderr.write(f"mcp-auth: {problem}\n")
        sys.exit(1)


@keys.command(name="list")
def list_keys() -> None:
    """List the signing keys, oldest first, with what each is for now."""
    run(_list_keys(all_settings()))


@keys.command
def rotate() -> None:
    """Make a new signing key. It is published now and signs in 15 minutes; the old one verifies what it signed."""
    run(_rotate(all_settings()))


async def _check(settings: GatewaySettings) -> None:
    """Everything that would keep a worker from starting, told once and in a sentence."""
    async with open_for_command(settings) as database:
        await _key_ring(settings, database).load(system_clock())


async def _list_keys(settings: GatewaySettings) -> None:
    async with open_for_command(settings) as database:
        listed = await signing_keys.list_keys(_key_ring(settings, database), system_clock)
    sys.stdout.write("".join(map(_line, listed)))


async def _rotate(settings: GatewaySettings) -> None:
    async with open_for_command(settings) as database:
        key = await signing_keys.rotate_key(command_actor(), _key_ring(settings, database), system_clock)
    sys.stdout.write(_line(key))


def _line(key: signing_keys.ListedKey) -> str:
    return f"{key.kid}\t{key.state}\t{key.signs_from.isoformat()}\n"


def _key_ring(settings: GatewaySettings, database: OpenDatabase) -> KeyRing:
    lifetime = settings.authorization_server().access_token_lifetime
    return KeyRing(store_on(database).signing_keys, KeyEncryption(settings.root_secrets, os.urandom), lifetime)
