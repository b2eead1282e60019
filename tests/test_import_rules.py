"""Each contract of import-linter in pyproject.toml fails when an import is planted that it forbids."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mcp_auth", "servers", "oauth", "migrations")

# The contract → a file, and the import that has no place in it.
PLANTED = {
    "the authorization server imports nothing of ours": ("oauth/routes.py", "import servers.app"),
    "the authorization server is built in layers": ("oauth/stores/ports/grants.py", "import oauth.endpoints.token"),
    "what endpoints share knows no endpoint": ("oauth/endpoints/shared/body.py", "import oauth.endpoints.token"),
    "the rules of the protocol do no I/O and know no framework": ("oauth/protocol/pkce.py", "import starlette"),
    "ports know no database": ("oauth/stores/ports/grants.py", "import sqlalchemy"),
    "the resource server's side uses the lower half of the authorization server": (
        "mcp_auth/verifier.py",
        "import oauth.stores.ports",
    ),
    "the resource server's side is built in layers": ("mcp_auth/users/store.py", "import mcp_auth.supabase.client"),
    "servers are built in layers": ("servers/operations/end_access.py", "import servers.composition.people"),
    "operations know no face and no transport": ("servers/operations/users.py", "import servers.local_supabase.app"),
    "the doctor knows a deployment from outside alone": ("servers/doctor/visit.py", "import oauth.jose.jws"),
    "the doctor is built in layers": ("servers/doctor/findings.py", "import servers.doctor.visit"),
    "the stand-in for Supabase stands alone": ("servers/local_supabase/app.py", "import mcp_auth.principal"),
    "migrations are nobody's library": ("oauth/stores/opening.py", "import migrations"),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_each_contract_has_an_import_that_breaks_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == list(PLANTED)


@pytest.mark.parametrize("contract", PLANTED)
def test_planted_import_breaks_its_contract(copied: Path, contract: str) -> None:
    path, planted = PLANTED[contract]
    file = copied / path
    source = file.read_text()
    file.write_text(f"{source}\n{planted}\n")
    try:
        command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
        run = subprocess.run([*command, "--no-cache"], cwd=copied, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        file.write_text(source)
    assert f"{contract} BROKEN" in run.stdout, run.stdout + run.stderr
