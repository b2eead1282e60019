"""The users table without a database: what verifier and standings ask of it."""

from collections.abc import Callable
from datetime import datetime

from mcp_auth.users.access_status import Presence
from mcp_auth.users.models import Identity, User
from mcp_auth.users.store import UserStore
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import Role, Subject
from tests.support.builders import NOW


def _nothing() -> None:
    pass


class People(UserStore):
    """reads: how often somebody was looked up. during_read: what happens meanwhile."""

    def __init__(self) -> None:
        self.rows: dict[Subject, User] = {}
        self.reads = 0
        self.is_down = False
        self.gone: set[Subject] = set()
        self.with_factor: set[Subject] = set()
        self.during_read: Callable[[], None] = _nothing

    def put(self, subject: str = "subject_1", role: Role = Role.USER, *, is_active: bool = True) -> Subject:
        known = Subject(subject)
        self.rows[known] = User(f"user_{subject}", known, None, None, role, is_active, NOW)
        return known

    async def presence(self, subject: Subject) -> Presence:
        return Presence(subject not in self.gone, subject in self.with_factor)

    async def get(self, subject: Subject) -> User | None:
        if self.is_down:
            raise StoreUnavailable("the database is locked")
        self.reads += 1
        found = self.rows.get(subject)
        self.during_read()
        return found

    async def get_or_create(self, identity: Identity, now: datetime) -> User:
        subject = identity.supabase_id
        made = User(
            f"user_{subject}", subject, identity.email, identity.phone, Role.USER, is_active=True, created_at=now
        )
        return self.rows.setdefault(subject, made)
