"""Nothing secret is ever logged: what each test of the suite caused to be written is looked through (SEED-53, F-14)."""

import re

from servers.local_supabase import DEMO_ACCOUNTS
from tests.support.gateway import SECRET

# Codes, refresh tokens, client secrets, sessions, tickets, browser secrets, handles: a prefix and 256 bits.
_OPAQUE = re.compile(r"\b(?:ac|rt|cs|ss|st|br|ar|rg|pr)_[A-Za-z0-9_-]{43}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
_KNOWN = (SECRET, *(account.password for account in DEMO_ACCOUNTS))


def secrets_in(text: str) -> list[str]:
    """What must not have been written, as it stands there."""
    found = [match.group() for pattern in (_OPAQUE, _JWT) for match in pattern.finditer(text)]
    return found + [secret for secret in _KNOWN if secret in text]
