"""Grants, codes and tokens put straight into a gateway's database, as its own endpoints would have put them."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, insert

from mcp_auth.users.models import Identity
from mcp_auth.users.store import UserStore
from oauth.database.timestamps import to_micros
from oauth.foundation import credentials
from oauth.foundation.clock import system_clock
from oauth.foundation.credentials import KeyEncryption
from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Scope, Subject
from oauth.key_ring import KeyRing
from oauth.protocol import access_token
from oauth.protocol.models import (
    GRANTS_OF_PEOPLE,
    AuthorizationCode,
    Client,
    ClientAuthenticationMethod,
    Grant,
    Registration,
)
from oauth.protocol.pkce import s256
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.sql import rows
from oauth.stores.sql.tables import authorization_codes, grants, refresh_tokens

CLIENT_ID = ClientId("benchmark")
REDIRECT_URI = "http://127.0.0.1:33418/callback"
VERIFIER = "v" * 43
SUBJECT = Subject("00000000-0000-4000-8000-000000000000")
_LIFETIME = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Seeder:
    """Writes into one database."""

    database: OpenDatabase
    public_url: str
    secret: str

    @property
    def client(self) -> Client:
        """That of all grants."""
        return Client(
            client_id=CLIENT_ID,
            registration=Registration.PREREGISTERED,
            name="Benchmark",
            redirect_uris=(REDIRECT_URI,),
            authentication_method=ClientAuthenticationMethod.NONE,
            secret_digest=None,
            grant_types=GRANTS_OF_PEOPLE,
            scope=frozenset(),
            created_at=system_clock(),
        )

    async def client_and_person(self) -> None:
        """The client that all grants are for, and the person who gave them."""
        now = system_clock()
        await store_on(self.database).clients.put(self.client)
        await UserStore(self.database).get_or_create(Identity(SUBJECT, None, None), now)

    async def codes(self, count: int) -> Sequence[str]:
        """Fresh codes, each with a grant of its own. They outlive any run."""
        now, plain = system_clock(), [credentials.new_secret("ac_", secrets.token_bytes) for _ in range(count)]
        codes = [
            AuthorizationCode(
                credentials.digest(code), self.grant(), REDIRECT_URI, s256(VERIFIER), now + timedelta(days=1)
            )
            for code in plain
        ]

        def work(connection: Connection) -> None:
            connection.execute(insert(grants), [rows.grant_values(code.grant) for code in codes])
            connection.execute(insert(authorization_codes), [rows.authorization_code_values(code) for code in codes])

        await self.database.write(work)
        return plain

    async def refresh_tokens(self, count: int) -> Sequence[str]:
        """Heads of families, each with a grant of its own."""
        now, plain = system_clock(), [credentials.new_secret("rt_", secrets.token_bytes) for _ in range(count)]
        values = [rows.grant_values(self.grant()) for _ in plain]

        def work(connection: Connection) -> None:
            connection.execute(insert(grants), values)
            connection.execute(
                insert(refresh_tokens),
                [
                    {
                        "digest": credentials.digest(token),
                        "grant_id": grant["grant_id"],
                        "generation": 0,
                        "expires_at": to_micros(now + timedelta(days=30)),
                    }
                    for token, grant in zip(plain, values, strict=True)
                ],
            )

        await self.database.write(work)
        return plain

    async def access_token(self, path: str = "/mcp", scope: str = "mcp:read") -> str:
        """A token that the gateway will take for its own, because it is."""
        ring = KeyRing(
            store_on(self.database).signing_keys, KeyEncryption((self.secret,), secrets.token_bytes), _LIFETIME
        )
        now = system_clock()
        await ring.load(now)
        token_id = access_token.new_token_id(0, secrets.token_bytes)
        grant = self.grant(path, scope)
        return ring.sign(
            access_token.claims(grant, grant.scope, token_id, self.public_url, now, timedelta(hours=6)), now
        )

    def grant(self, path: str = "/mcp", scope: str = "mcp:read") -> Grant:
        """A fresh one; it is not written."""
        now = system_clock()
        return Grant(
            grant_id=GrantId(credentials.new_secret("gr_", secrets.token_bytes)),
            subject=SUBJECT,
            client_id=CLIENT_ID,
            resource=ResourceIndicator(f"{self.public_url}{path}"),
            scope=frozenset({Scope(scope)}),
            auth_time=now,
            acr="aal1",
            created_at=now,
            expires_at=now + timedelta(days=180),
            flow_id="fl_benchmark",
        )


@asynccontextmanager
async def seeder(database_url: str, public_url: str, secret: str) -> AsyncIterator[Seeder]:
    """On a migrated database, with client and person in it."""
    database = await open_database(database_url)
    try:
        made = Seeder(database, public_url, secret)
        await made.client_and_person()
        yield made
    finally:
        await database.close()
