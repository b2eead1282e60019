"""What an operator may choose of the authorization server; lifetimes are timedeltas."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """issuer: the public URL, byte for byte (D-1, D-2)."""

    issuer: str
    access_token_lifetime: timedelta = timedelta(minutes=30)
    authorization_code_lifetime: timedelta = timedelta(seconds=60)
    authorization_request_lifetime: timedelta = timedelta(minutes=10)
    # D-7: two redemptions this close together are a race of one client, not a theft.
    redemption_race: timedelta = timedelta(seconds=2)
    refresh_token_lifetime: timedelta = timedelta(days=30)
    grant_lifetime: timedelta = timedelta(days=180)
    # D-8: how long a superseded refresh token is taken for a retry.
    refresh_retry_window: timedelta = timedelta(seconds=60)
    sign_in_session_lifetime: timedelta = timedelta(hours=8)
    unused_registration_lifetime: timedelta = timedelta(hours=24)
    dynamic_registration: bool = True

    @property
    def is_https(self) -> bool:
        """Plain http is for loopback alone (D-1)."""
        return self.issuer.startswith("https://")
