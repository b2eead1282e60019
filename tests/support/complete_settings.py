"""Settings that are complete, to which a test adds what it is about."""

from typing import Any

from servers.configuration.loading import load
from servers.configuration.settings import GatewaySettings


def load_with(**more: Any) -> GatewaySettings:  # noqa: ANN401 - any setting
    """Raises UnusableSettings."""
    return load(
        public_url="https://auth.test",
        secret="a-root-secret-for-tests-0123456789-abcdefghij",
        supabase_url="https://abc.supabase.co",
        supabase_publishable_key="sb_publishable_1",
        **more,
    )
