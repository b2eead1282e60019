"""What can be said of the container without an engine."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()


def instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in INSTRUCTIONS if line.startswith(f"{name} ")]


def test_image_is_built_in_stages_and_the_last_has_no_compiler_or_cache() -> None:
    assert len(instructions("FROM")) == 2
    last = INSTRUCTIONS[max(i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")) :]
    assert not [line for line in last if "pip " in line or "apt" in line]


def test_dependencies_are_the_locked_ones() -> None:
    assert any("--require-hashes" in line and "requirements.lock" in line for line in instructions("RUN"))
    assert any("--no-deps ." in line for line in instructions("RUN"))


def test_container_runs_without_root_and_serves() -> None:
    assert instructions("USER") == ["10001"]
    assert instructions("ENTRYPOINT") == ['["mcp-auth"]']
    assert instructions("CMD") == ['["serve"]']


def test_root_file_system_may_be_read_only() -> None:
    environment = " ".join(instructions("ENV"))
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "MCP_AUTH_DATABASE_URL=sqlite:////data/" in environment
    assert instructions("VOLUME") == ["/data"]


def test_health_check_asks_for_readiness() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert "/ready" in check


def test_everything_that_is_copied_is_there_and_everything_that_is_needed_is_copied() -> None:
    copied = [words for line in instructions("COPY") if "--from" not in line for words in line.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert {"oauth", "mcp_auth", "servers", "migrations", "pyproject.toml", "requirements.lock"} <= set(copied)


def test_context_is_closed_to_what_is_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    named = {line[1:] for line in lines if line.startswith("!")}
    copied = {words for line in instructions("COPY") if "--from" not in line for words in line.split()[:-1]}
    assert named == copied
