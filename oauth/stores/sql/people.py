"""The port People in SQL."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from oauth.database.timestamps import to_micros
from oauth.database.upsert import UPSERTS
from oauth.foundation.vocabulary import Digest, Subject
from oauth.protocol.models import SignInSession
from oauth.stores.ports import SignIn
from oauth.stores.sql import rows
from oauth.stores.sql.attempts import forget_attempts
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.requests import set_progress
from oauth.stores.sql.tables import linked_subjects, sign_in_sessions


class SqlPeople(SqlPort):
    """See People."""

    async def sign_in(self, sign_in: SignIn) -> None:
        def work(connection: Connection) -> None:
            if sign_in.former_session is not None:
                former = sign_in_sessions.c.digest == sign_in.former_session
                connection.execute(delete(sign_in_sessions).where(former))
            connection.execute(insert(sign_in_sessions).values(rows.sign_in_session_values(sign_in.session)))
            for issuer, issuer_subject in sorted(sign_in.links):
                _link(connection, issuer, issuer_subject, sign_in.session.subject, sign_in.at)
            if sign_in.request is not None:
                set_progress(connection, sign_in.request, None)
            forget_attempts(connection, sign_in.attempts)
            for write in sign_in.writes:
                write(connection)

        await self._database.write(work)

    async def session(self, digest: Digest) -> SignInSession | None:
        row = await self._first(select(sign_in_sessions).where(sign_in_sessions.c.digest == digest))
        return None if row is None else rows.sign_in_session_of(row)

    async def remove_session(self, digest: Digest) -> None:
        await self._database.write(
            lambda connection: connection.execute(delete(sign_in_sessions).where(sign_in_sessions.c.digest == digest))
        )

    async def link(self, issuer: str, issuer_subject: str, subject: Subject, now: datetime) -> None:
        await self._database.write(lambda connection: _link(connection, issuer, issuer_subject, subject, now))

    async def unlink(self, issuer: str, issuer_subject: str) -> bool:
        gone = delete(linked_subjects).where(
            linked_subjects.c.issuer == issuer, linked_subjects.c.issuer_subject == issuer_subject
        )
        return await self._database.write(lambda connection: connection.execute(gone).rowcount == 1)

    async def unlink_all(self, subject: Subject) -> None:
        gone = delete(linked_subjects).where(linked_subjects.c.subject == subject)
        await self._database.write(lambda connection: connection.execute(gone))

    async def linked_subject(self, issuer: str, issuer_subject: str) -> Subject | None:
        row = await self._first(
            select(linked_subjects.c.subject).where(
                linked_subjects.c.issuer == issuer, linked_subjects.c.issuer_subject == issuer_subject
            )
        )
        return None if row is None else Subject(row[0])


def _link(connection: Connection, issuer: str, issuer_subject: str, subject: Subject, now: datetime) -> None:
    values = {"issuer": issuer, "issuer_subject": issuer_subject, "subject": subject, "created_at": to_micros(now)}
    upsert = UPSERTS[connection.dialect.name](linked_subjects).values(values)
    keys = [linked_subjects.c.issuer, linked_subjects.c.issuer_subject]
    connection.execute(upsert.on_conflict_do_update(index_elements=keys, set_=values))
