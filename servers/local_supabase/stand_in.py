"""Opening the stand-in, and what tests in the same process do with it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import OctKey
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.applications import Starlette

from servers.local_supabase import accounts
from servers.local_supabase.accounts import DEMO_ACCOUNTS
from servers.local_supabase.app import create_app
from servers.local_supabase.context import Context
from servers.local_supabase.faults import Faults
from servers.local_supabase.passwords import hash_password
from servers.local_supabase.persistent_keys import add_signing_key, api_key, load_signing_keys
from servers.local_supabase.signing import ES256, HS256
from servers.local_supabase.tables import metadata, users

_PASSWORD_COST = 14  # scrypt N = 2^14: some 50 ms


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class LocalSupabase:
    """A stand-in that is open."""

    app: Starlette
    context: Context

    @property
    def publishable_key(self) -> str:
        """What the gateway sends as `apikey`."""
        return self.context.publishable_key

    @property
    def secret_key(self) -> str:
        """What opens /admin."""
        return self.context.secret_key

    @property
    def faults(self) -> Faults:
        """Trouble on demand."""
        return self.context.faults

    @property
    def requests(self) -> Counter[str]:
        """How often each path below /auth/v1 was asked."""
        return self.context.requests

    @property
    def messages(self) -> Mapping[str, Mapping[str, str]]:
        """The last code and link of each recipient."""
        return self.context.messages

    @property
    def switched_off(self) -> set[str]:
        """Ways of signing in that are switched off, and `sign_up`."""
        return self.context.switched_off

    @property
    def sso_domains(self) -> set[str]:
        """Domains with single sign-on."""
        return self.context.sso_domains

    def demand_captcha(self, token: str | None) -> None:
        """From now on passwords and codes need this captcha token; None: no longer."""
        self.context.captcha_token = token

    async def create_user(
        self, email: str, password: str, *, phone: str | None = None, email_confirmed: bool = True, banned: bool = False
    ) -> str:
        """An account. → its id."""
        context = self.context
        password_hash = await hash_password(password, context.password_cost)
        async with context.transaction() as connection:
            user = await accounts.create(
                connection, context, email=email, phone=phone, password_hash=password_hash, confirmed=email_confirmed
            )
            if banned:
                await accounts.change(connection, context, user["id"], banned_until=context.later(days=365))
        return str(user["id"])

    async def rotate_signing_key(self, algorithm: str = ES256, *, revoke_others: bool = False) -> str | None:
        """A new key signs, the others verify, unless they are revoked. → the JWT secret, if that is what it is."""
        key = await add_signing_key(self.context, algorithm, revoke_others=revoke_others)
        return OctKey.import_key(key).raw_value.decode() if algorithm == HS256 else None


@asynccontextmanager
async def open_local_supabase(
    data_dir: Path,
    *,
    public_url: str,
    site_url: str = "http://127.0.0.1:8000",
    clock: Callable[[], datetime] = _now,
    password_cost: int = _PASSWORD_COST,
) -> AsyncIterator[LocalSupabase]:
    """Open the stand-in on its database in data_dir; accounts and keys survive restarts.

    public_url, site_url: without a slash at the end. password_cost: the logarithm of scrypt's N."""
    engine = _engine(_private_file(data_dir))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            context = Context(
                engine=engine,
                keys=await load_signing_keys(connection),
                clock=clock,
                public_url=public_url,
                site_url=site_url,
                publishable_key=await api_key(connection, "publishable"),
                secret_key=await api_key(connection, "secret"),
                password_cost=password_cost,
            )
            if (await connection.execute(select(users.c.id).limit(1))).first() is None:
                for account in DEMO_ACCOUNTS:
                    await accounts.create(
                        connection,
                        context,
                        user_id=account.id,
                        email=account.email,
                        password_hash=await hash_password(account.password, password_cost),
                    )
        yield LocalSupabase(create_app(context), context)
    finally:
        await engine.dispose()


def _private_file(data_dir: Path) -> Path:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "supabase.sqlite"
    if not path.exists():
        path.touch(mode=0o600)
    return path


def _engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=5, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_immediate(connection: Any) -> None:  # noqa: ANN401 - as above
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
