"""Trouble that is nobody's fault: answered with 503 and Retry-After, never with an accusation (D-16)."""

from typing import ClassVar

from oauth.foundation.reason_codes import ReasonCode

RETRY_AFTER_SECONDS = 5


class Outage(Exception):
    """Something that we depend on did not answer; the same request may succeed in a few seconds. reason: for the log,
    and for people who ask."""

    reason: ClassVar[ReasonCode] = ReasonCode.PROVIDER_UNAVAILABLE


class StoreUnavailable(Outage):
    """The database is locked, full or gone. Nothing of the request was written."""

    reason = ReasonCode.STORE_UNAVAILABLE


class ProviderUnavailable(Outage):
    """Supabase did not answer, or answered with something other than a verdict."""

    reason = ReasonCode.PROVIDER_UNAVAILABLE
