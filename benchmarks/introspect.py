"""introspect: a resource server asks whether a token is good, on SQLite."""

import json
import secrets
import sys
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import psutil
from sqlalchemy import insert

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, process, sqlite_database
from benchmarks.load import Connection, cpu_per_operation
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import Seeder, seeder
from oauth.client_registry.secrets import hash_secret
from oauth.foundation.clock import system_clock
from oauth.foundation.vocabulary import ClientId, ResourceIndicator
from oauth.protocol.models import Client, ClientAuthenticationMethod, Registration
from oauth.stores.opening import store_on
from oauth.stores.sql import rows
from oauth.stores.sql.tables import grants

ROUNDS = 7
_CALLS = 1_000
_HEADERS = {"content-type": "application/x-www-form-urlencoded"}
_SECRET = "cs_of-a-resource-server"  # noqa: S105 - of this run


async def introspect(folder: Path) -> list[Result]:
    """CPU microseconds of the server per request. Floor: bare ASGI and a dictionary."""
    port, bare_port, secret = free_port(), free_port(), new_secret()
    url, bare_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare_port}"
    async with sqlite_database(folder, "introspect") as database, seeder(database, url, secret) as seed:
        await _resource_server(seed)
        with gateway(port, gateway_environment(port, database, secret, MCP_AUTH_FOLLOW_SESSIONS="false")) as subject:
            token = await _live_token(seed)
            known = {"token": token, "client_id": "rs", "client_secret": _SECRET}
            command = [sys.executable, "-m", "benchmarks.bare_introspect", str(bare_port)]
            with process(command, {}, bare_url) as floor:
                floors, subjects = [], []
                for _ in range(ROUNDS + 1):
                    floors.append(await _round(floor, bare_url, {**known, "token": "known"}))
                    subjects.append(await _round(subject, url, known))
    return [of_rounds("introspect, SQLite", "µs", floors[1:], subjects[1:], 3.0)]


async def _resource_server(seed: Seeder) -> None:
    await store_on(seed.database).clients.put(
        Client(
            client_id=ClientId("rs"),
            registration=Registration.PREREGISTERED,
            name="Resource server",
            redirect_uris=(),
            authentication_method=ClientAuthenticationMethod.CLIENT_SECRET_POST,
            secret_digest=hash_secret(_SECRET, secrets.token_bytes),
            grant_types=frozenset(),
            scope=frozenset(),
            created_at=system_clock(),
            introspects=frozenset({ResourceIndicator(f"{seed.public_url}/mcp")}),
        )
    )


async def _live_token(seed: Seeder) -> str:
    """A token of a machine's grant: nobody has to be asked about its person."""
    token = await seed.access_token()
    claims = json.loads(_padded(token.split(".")[1]))
    grant = replace(seed.grant(), grant_id=claims["gid"])
    await seed.database.write(lambda connection: connection.execute(insert(grants).values(rows.grant_values(grant))))
    return token


def _padded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def _round(server: psutil.Process, url: str, form: dict[str, str]) -> float:
    body = urlencode(form).encode()

    async def work() -> None:
        connection = await Connection.open(url)
        for _ in range(_CALLS):
            answer = await connection.post("/introspect", _HEADERS, body)
            if b'"active":true' not in answer.replace(b" ", b""):
                raise RuntimeError(answer.decode())
        connection.close()

    return await cpu_per_operation(server, _CALLS, work)
