"""The way there: TLS, for tokens that nobody else should read."""

from collections.abc import Iterator, Sequence

from servers.doctor.documents import is_here
from servers.doctor.findings import Finding, fault, ok
from servers.doctor.observations import Observations
from servers.doctor.profiles import Profile


def check(seen: Observations, _: Sequence[Profile]) -> Iterator[Finding]:
    """Of the target."""
    if seen.target.startswith("https://"):
        yield ok("tls", "The address is https.")
    elif is_here(seen.target):
        yield ok("tls", "The address is plain http on this machine: there is no TLS to look at.")
    else:
        yield fault(
            "tls",
            "The address is plain http.",
            client_does="Hosted clients refuse it; others send tokens that anybody on the way can read.",
            mend="Serve it over https, and let the metadata say https.",
        )
