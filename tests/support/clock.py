"""A clock that tests set. It starts at the wall clock's now, because some libraries look there themselves."""

from datetime import UTC, datetime, timedelta


class SettableClock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        """clock.advance(minutes=5)"""
        self.now += timedelta(**parts)


class WallClock(SettableClock):
    """For a gateway beside processes of their own, which go by the wall clock: however slow the machine is, none of
    them lives in the future of the other. It cannot be set."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)
