"""How property tests run: the same examples every time, and few enough to wait for."""

from hypothesis import settings

settings.register_profile("rules", deadline=None, derandomize=True, database=None, max_examples=100)


def load_profile() -> None:
    settings.load_profile("rules")
