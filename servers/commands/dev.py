"""`mcp-auth dev`: the gateway and a stand-in for Supabase on one machine, with nothing to configure.

Both keep their state in one directory. Standard output carries `name=value` lines for scripts, standard error
everything for people."""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

import migrations
from mcp_auth.users.models import Identity
from mcp_auth.users.store import UserStore
from oauth.database.database import parse_url
from oauth.foundation.clock import system_clock
from oauth.foundation.vocabulary import ClientId, Role, Subject
from oauth.protocol.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, Registration
from oauth.stores.opening import open_database, store_on
from servers.app import create_app
from servers.commands.worker import freeze, load_routes, load_tools
from servers.configuration.loading import UnusableSettings, load
from servers.configuration.origin import is_loopback
from servers.configuration.settings import PREFIX, GatewaySettings
from servers.local_supabase import DEMO_ACCOUNTS, LocalSupabase, open_local_supabase
from servers.observability import log

INSPECTOR = ClientId("mcp-inspector")
_INSPECTOR_CALLBACKS = (
    "http://localhost:6274/oauth/callback",
    "http://localhost:6274/oauth/callback/debug",
    "http://127.0.0.1:6276/oauth/callback",
)


@dataclass(frozen=True, slots=True)
class DevelopmentOptions:
    """As on the command line; port 0 is any free one."""

    host: str
    port: int
    supabase_port: int
    data_dir: Path


async def run(options: DevelopmentOptions) -> None:
    """Serve until interrupted. UnusableSettings when an address cannot be used."""
    log.configure(json=False)
    data_dir = _private_directory(options.data_dir)
    with _listen(options.host, options.port) as gateway_socket, _listen(options.host, options.supabase_port) as other:
        gateway_url, supabase_url = _url(options.host, gateway_socket), _url(options.host, other)
        async with open_local_supabase(data_dir, public_url=supabase_url, site_url=gateway_url) as supabase:
            settings = load(
                public_url=gateway_url,
                secret=_kept_secret(data_dir / "secret"),
                supabase_url=supabase_url,
                supabase_publishable_key=supabase.publishable_key,
                supabase_secret_key=supabase.secret_key,
                database_url=f"sqlite:///{(data_dir / 'gateway.sqlite').resolve()}",
            )
            await _prepare(settings)
            gateway = create_app(
                settings, add_tools=load_tools(settings), add_routes=load_routes(settings), when_started=freeze
            )
            servers = [_server(supabase.app), _server(gateway)]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_serve(servers[0], other, servers))
                tasks.create_task(_serve(servers[1], gateway_socket, servers))
                with _stopped_by_signals(servers):
                    await asyncio.gather(*(server.ready.wait() for server in servers))
                    if all(server.started for server in servers):
                        _announce(gateway_url, supabase_url, supabase, data_dir, settings.database_url)
                    await asyncio.gather(*(server.stopped.wait() for server in servers))


class _Server(uvicorn.Server):
    """One of two servers in a process: signals are for both, so neither takes them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=5,
        )
    )


async def _serve(server: _Server, listening: socket.socket, servers: list[_Server]) -> None:
    """Serve; when one stops, for whatever reason, so does the other."""
    try:
        await server.serve([listening])
    finally:
        server.ready.set()
        server.stopped.set()
        for each in servers:
            each.should_exit = True


@contextlib.contextmanager
def _stopped_by_signals(servers: list[_Server]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket on this machine alone."""
    if not is_loopback(host):
        raise UnusableSettings(
            f"`mcp-auth dev` has demo passwords, so it listens on this machine alone: --host {host} is not loopback. "
            "Use `mcp-auth serve` for a network."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
    except OSError as error:
        listening.close()
        raise UnusableSettings(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another port."
        ) from error
    return listening


def _url(host: str, listening: socket.socket) -> str:
    name = f"[{host.strip('[]')}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"


def _kept_secret(path: Path) -> str:
    """The root secret of this directory, made once."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


async def _prepare(settings: GatewaySettings) -> None:
    """Migrate; give the demo accounts their roles and the Inspector its registration."""
    await migrations.upgrade(parse_url(settings.database_url))
    database = await open_database(settings.database_url)
    try:
        now, users = system_clock(), UserStore(database)
        for account in DEMO_ACCOUNTS:
            subject = Subject(account.id)
            if await users.get(subject) is None:
                await users.get_or_create(Identity(subject, account.email, None), now)
                await users.set_role(subject, Role(account.role), now)
        await store_on(database).clients.put(
            Client(
                client_id=INSPECTOR,
                registration=Registration.PREREGISTERED,
                name="MCP Inspector",
                redirect_uris=_INSPECTOR_CALLBACKS,
                authentication_method=ClientAuthenticationMethod.NONE,
                secret_digest=None,
                grant_types=GRANTS_OF_PEOPLE,
                scope=frozenset(),
                created_at=now,
            )
        )
    finally:
        await database.close()


def _announce(gateway_url: str, supabase_url: str, supabase: LocalSupabase, data_dir: Path, database_url: str) -> None:
    lines = {
        "gateway": gateway_url,
        "supabase": supabase_url,
        "supabase_publishable_key": supabase.publishable_key,
        "supabase_secret_key": supabase.secret_key,
    }
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in lines.items()))
    sys.stdout.flush()
    # As it was called: in a virtual environment it may not be on the path.
    command = sys.argv[0] if Path(sys.argv[0]).name == "mcp-auth" else "mcp-auth"
    accounts = "\n".join(f"    {account.email:<20} {account.password:<16} {account.role}" for account in DEMO_ACCOUNTS)
    sys.stderr.write(
        f"""
  The gateway is ready.

  MCP server, for everybody         {gateway_url}/mcp
  MCP server, for administrators    {gateway_url}/mcp-admin
  REST API                          {gateway_url}/api/v1/users/me
  Stand-in for Supabase Auth        {supabase_url}
  State is kept in                  {data_dir.resolve()}

  Demo accounts (email, password, role)
{accounts}

  Connect a client
    Claude Code     claude mcp add --transport http demo {gateway_url}/mcp
    VS Code         code --add-mcp '{{"name":"demo","type":"http","url":"{gateway_url}/mcp"}}'
    Cursor          in ~/.cursor/mcp.json: {{"mcpServers":{{"demo":{{"url":"{gateway_url}/mcp"}}}}}}
    MCP Inspector   npx @modelcontextprotocol/inspector, transport Streamable HTTP, URL {gateway_url}/mcp
                    (it registers itself; or use the client id {INSPECTOR})

  When somebody does not get in
    What would keep a client out       {command} doctor {gateway_url}/mcp
    What happened to one who tried     {PREFIX}DATABASE_URL={database_url} {command} explain ID

  Stop with Ctrl-C.
"""
    )
    sys.stderr.flush()


def _private_directory(path: Path) -> Path:
    """The directory, made if need be, for its owner alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
