"""When somebody's access ends: grants, sign-in sessions and tokens, here at once and elsewhere within 5 s (D-6)."""

from collections.abc import Callable
from datetime import timedelta

from mcp_auth.supabase.liveness import OnEnd
from oauth.clock import Clock
from oauth.models import Revocation, RevocationKind
from oauth.stores.ports import Store
from oauth.vocabulary import Subject

# Clocks of nodes may differ by this much.
_CLOCKS_APART = timedelta(minutes=2)


def ending(
    store: Store, announce: Callable[[Revocation], None], clock: Clock, access_token_lifetime: timedelta
) -> OnEnd:
    """→ what to call with the person."""

    async def end(subject: Subject) -> None:
        now = clock()
        news = Revocation(RevocationKind.SUBJECT, subject, now, now + access_token_lifetime + _CLOCKS_APART)
        await store.revoke_subject(subject, news)
        announce(news)

    return end
