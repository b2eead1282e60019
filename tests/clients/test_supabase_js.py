"""supabase-js, the client that most applications have, at the stand-in for Supabase."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.gateway import USER, RunningSupabase
from tests.support.npm import NODE, WAIT_SECONDS


def told_by(installed: Path, supabase: RunningSupabase) -> dict[str, Any]:
    """What the program printed."""
    account = [USER.email, USER.password]
    command = [NODE, str(installed / "supabase.mjs"), supabase.url, supabase.stand_in.publishable_key, *account]
    result = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS
    )
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_supabase_js_signs_in_refreshes_verifies_and_signs_out(installed: Path, supabase: RunningSupabase) -> None:
    told = told_by(installed, supabase)
    assert told["wrongPassword"]["error"] == {"name": "AuthApiError", "status": 400, "code": "invalid_credentials"}
    first, second, again = (told[step]["session"] for step in ("signIn", "refreshed", "again"))
    assert first["user"]["id"] == told["user"]["user"]["id"] == USER.id
    assert second["refresh_token"] != first["refresh_token"]
    assert again["refresh_token"] == second["refresh_token"]  # the parent of the active token gets the active one

    claims = told["claims"]
    assert claims["header"]["alg"] == "ES256"
    assert claims["claims"]["iss"] == f"{supabase.url}/auth/v1"
    assert claims["claims"]["sub"] == USER.id
    assert told["forged"]["error"]["name"] == "AuthInvalidJwtError"
    # The client verified by itself: it asked for the keys, and for its user only where the program did.
    assert "/auth/v1/.well-known/jwks.json" in told["seen"]
    assert told["seen"].count("/auth/v1/user") == 2

    assert told["signOut"] == {}
    assert told["session"] == {"session": None}
    assert told["userAfterwards"]["error"]["name"] == "AuthSessionMissingError"
    assert told["refreshAfterwards"]["error"]["code"] == "refresh_token_not_found"
