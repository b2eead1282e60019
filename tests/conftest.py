from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import SettableClock
from tests.support.databases import PostgresqlTemplate, SqliteTemplate, start_postgresql


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_template() -> Iterator[PostgresqlTemplate]:
    template = PostgresqlTemplate(start_postgresql())
    yield template
    template.drop()


@pytest.fixture
def sqlite_url(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[str]:
    """A migrated SQLite database."""
    with sqlite_template.database(tmp_path) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_template: PostgresqlTemplate) -> Iterator[str]:
    """A migrated PostgreSQL database."""
    with postgresql_template.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test runs on both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
