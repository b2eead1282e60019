"""rest-call: a FastAPI route behind our dependency, with a session token that was seen before."""

import contextlib
import secrets
import time
from pathlib import Path

import jwt
import psutil

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, sqlite_database
from benchmarks.load import Connection, cpu_per_operation
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import SUBJECT, seeder

ROUNDS = 9
_CALLS = 2_000


async def rest_call(folder: Path) -> list[Result]:
    """CPU microseconds of the server per request. Floor and subject are gateways with the same route."""
    secret, jwt_secret = new_secret(), new_secret()
    async with sqlite_database(folder, "rest-call") as database:
        async with seeder(database, "http://127.0.0.1", secret):
            pass  # the person has a row
        with contextlib.ExitStack() as started:
            servers = []
            for routes in ("add_floor", "add_subject"):
                port = free_port()
                environment = gateway_environment(
                    port,
                    database,
                    secret,
                    MCP_AUTH_ROUTES=f"benchmarks.rest_routes:{routes}",
                    MCP_AUTH_SUPABASE_JWT_SECRET=jwt_secret,
                )
                authorization = f"Bearer {_session(environment['MCP_AUTH_SUPABASE_URL'], jwt_secret)}"
                server = gateway(port, {**environment, "BENCHMARK_AUTHORIZATION": authorization})
                servers.append((started.enter_context(server), f"http://127.0.0.1:{port}", authorization))
            floors, subjects = [], []
            for _ in range(ROUNDS + 1):
                floors.append(await _round(*servers[0]))
                subjects.append(await _round(*servers[1]))
        return [of_rounds("rest-call, session seen before", "µs", floors[1:], subjects[1:], 1.1)]


async def _round(server: psutil.Process, url: str, authorization: str) -> float:
    async def work() -> None:
        connection = await Connection.open(url)
        for _ in range(_CALLS):
            await connection.post("/api/v1/benchmark", {"authorization": authorization}, b"")
        connection.close()

    return await cpu_per_operation(server, _CALLS, work)


def _session(supabase_url: str, jwt_secret: str) -> str:
    """What Supabase gives to a person who has signed in."""
    now = int(time.time())
    claims = {
        "iss": f"{supabase_url}/auth/v1",
        "sub": SUBJECT,
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + 3600,
        "email": "",
        "phone": "",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": secrets.token_hex(16),
        "is_anonymous": False,
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
    }
    return jwt.encode(claims, jwt_secret, "HS256")
