import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.clock import SettableClock
from tests.support.command_line import Run, runner
from tests.support.databases import PostgresqlTemplate, SqliteTemplate, memory_folder, start_postgresql
from tests.support.log_scan import secrets_in


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: half of what a test does is to wait for a server, a browser or a clock."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure() -> None:
    """Temporary files go to memory where there is room: SQLite waits for the disk at each commit. Nobody here trusts
    the authorities of the internet, which each HTTP client would read for 15 ms."""
    memory = memory_folder()
    if memory is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = str(Path(__file__).with_name("support") / "no_authorities")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """A command, in an empty folder. → exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test fails whose program wrote a secret to its log, be it in this process or in one that it started."""
    report = yield
    if call.when == "teardown" and report.passed:
        leaked = secrets_in("\n".join(text for _, text in report.sections))
        if leaked:
            report.outcome = "failed"
            report.longrepr = f"Secrets were written to the log: {leaked}"
    return report
