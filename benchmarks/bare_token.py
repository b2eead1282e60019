"""The floor of token-refresh and token-code: what no durable token endpoint can leave out.

Bare ASGI, one conditional update and one insert on disk (SQLite: one writer thread with group commit, FULL;
PostgreSQL: one statement), one ES256 signature. It checks nothing. `python -m benchmarks.bare_token PORT DATABASE`"""

import asyncio
import hashlib
import json
import queue
import secrets
import sqlite3
import sys
import threading
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_KEY = ec.generate_private_key(ec.SECP256R1())


def _encode(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


_HEADER = _encode(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": "x" * 43}).encode())


def _sign(claims: dict[str, object]) -> str:
    signed = _HEADER + b"." + _encode(json.dumps(claims).encode())
    r, s = decode_dss_signature(_KEY.sign(signed, ec.ECDSA(SHA256())))
    return (signed + b"." + _encode(r.to_bytes(32) + s.to_bytes(32))).decode()


class _Sqlite:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS t (digest BLOB PRIMARY KEY, used INTEGER)")
        self._jobs: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    async def open(self) -> None:
        pass

    async def rotate(self, old: bytes, new: bytes) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._jobs.put((loop, future, old, new))
        await future

    def _write(self) -> None:
        while True:
            group = [self._jobs.get()]
            while not self._jobs.empty():
                group.append(self._jobs.get())
            self._connection.execute("BEGIN IMMEDIATE")
            for _, _, old, new in group:
                self._connection.execute("UPDATE t SET used = 1 WHERE digest = ? AND used = 0", (old,))
                self._connection.execute("INSERT INTO t VALUES (?, 0)", (new,))
            self._connection.execute("COMMIT")
            group[0][0].call_soon_threadsafe(self._tell, group)

    @staticmethod
    def _tell(group: list[tuple[Any, ...]]) -> None:
        for _, future, _, _ in group:
            future.set_result(None)


class _Postgresql:
    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=10, reset=_keep)
        await self._pool.execute("CREATE TABLE IF NOT EXISTS t (digest BYTEA PRIMARY KEY, used INTEGER)")

    async def rotate(self, old: bytes, new: bytes) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(
                "WITH u AS (UPDATE t SET used = 1 WHERE digest = $1 AND used = 0) INSERT INTO t VALUES ($2, 0)",
                old,
                new,
            )


async def _keep(_: object) -> None:
    pass


class _App:
    def __init__(self, database: _Sqlite | _Postgresql) -> None:
        self._database = database

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - bare ASGI
        if scope["type"] == "lifespan":
            await receive()
            await self._database.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        form = dict(parse_qsl((await receive())["body"].decode()))
        presented = form["refresh_token"] if "refresh_token" in form else form["code"]
        old = hashlib.sha256(presented.encode()).digest()
        fresh = secrets.token_urlsafe(32)
        await self._database.rotate(old, hashlib.sha256(fresh.encode()).digest())
        claims: dict[str, object] = {
            "iss": "https://issuer.example",
            "sub": "x" * 36,
            "aud": "y" * 25,
            "exp": 1,
            "iat": 1,
        }
        body = json.dumps({"access_token": _sign(claims), "refresh_token": fresh, "expires_in": 1800}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until terminated."""
    url = sys.argv[2]
    database = _Postgresql(url) if url.startswith("postgresql") else _Sqlite(url.removeprefix("sqlite:///"))
    uvicorn.run(_App(database), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="on")


main()
