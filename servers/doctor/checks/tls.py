"""The way there: TLS that clients trust, for each origin that was met, and addresses that hosted clients can reach."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from servers.doctor.evidence.documents import host, is_here
from servers.doctor.evidence.observations import Handshake, Observations, Trouble
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.probes.addresses import Reach, reach
from servers.doctor.profiles import Profile

_SOON = timedelta(days=14)
_SAYS = {
    Trouble.UNTRUSTED: "has a certificate that no public authority vouches for",
    Trouble.EXPIRED: "has a certificate that has expired",
    Trouble.NOT_YET_VALID: "has a certificate that is not valid yet",
    Trouble.OTHER_HOST: "has a certificate for another host",
    Trouble.OLD_PROTOCOL: "speaks no TLS but versions older than 1.2",
    Trouble.NO_TLS: "does not speak TLS at this port",
    Trouble.OTHER: "does not finish the TLS handshake",
}
_MEND = {
    Trouble.UNTRUSTED: "Use a certificate of a public authority, and serve the whole chain with the intermediate ones.",
    Trouble.EXPIRED: "Renew the certificate, by itself from now on.",
    Trouble.NOT_YET_VALID: "Set the clock of whatever issued it, or wait.",
    Trouble.OTHER_HOST: "Use a certificate that names this host.",
    Trouble.OLD_PROTOCOL: "Switch TLS 1.2 and 1.3 on.",
    Trouble.NO_TLS: "End TLS at this port, or give the address of the port that does.",
    Trouble.OTHER: "Look into the log of whatever ends TLS.",
}


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    yield from _plain(seen.target)
    for origin, handshake in seen.handshakes.items():
        yield _handshake(origin, handshake, seen.now)
    hosted = [profile.name for profile in profiles if profile.is_hosted]
    for origin, addresses in seen.addresses.items() if hosted else ():
        yield from _outside(origin, addresses, hosted)


def _plain(target: str) -> Iterator[Finding]:
    if target.startswith("https://"):
        return
    if is_here(target):
        yield ok("tls", "The address is plain http on this machine: there is no TLS to look at.")
    else:
        yield fault(
            "tls",
            "The address is plain http.",
            client_does="Hosted clients refuse it; others send tokens that anybody on the way can read.",
            mend="Serve it over https, and let the metadata say https.",
        )


def _handshake(origin: str, handshake: Handshake, now: datetime) -> Finding:
    if handshake.trouble is not None:
        return fault(
            "tls",
            f"{origin} {_SAYS[handshake.trouble]} ({handshake.words}).",
            client_does="Hosted clients end the connection before they ask anything, and say that the server cannot be "
            "reached; local ones do so too, unless the person's machine was told to trust it.",
            mend=_MEND[handshake.trouble],
            pitfall="P-1",
        )
    if handshake.expires_at is not None and handshake.expires_at - now < _SOON:
        return warning(
            "tls",
            f"The certificate of {origin} expires on {handshake.expires_at:%Y-%m-%d}.",
            client_does="From then on, every client ends the connection before it asks anything.",
            mend="Renew the certificate, and see why that has not happened by itself.",
            pitfall="P-1",
        )
    return ok("tls", f"{origin} speaks {handshake.version}, with a certificate that clients trust.")


def _outside(origin: str, addresses: Sequence[str], hosted: Sequence[str]) -> Iterator[Finding]:
    check, named = "reachable_from_outside", f"{host(origin)} is, seen from here, {', '.join(addresses)}"
    match reach(addresses):
        case Reach.THIS_MACHINE:
            yield warning(
                check,
                f"{named}: an address of this machine.",
                client_does="A hosted client calls from its vendor's cloud, and cannot get there.",
                mend="Nothing, while you develop; to connect it, serve it at a public https address.",
                clients=hosted,
                pitfall="P-1",
            )
        case Reach.THIS_NETWORK:
            yield fault(
                check,
                f"{named}: an address of a private network.",
                client_does="A hosted client calls from its vendor's cloud, and cannot get there.",
                mend="Give the name a public address, and let the vendor's addresses through the firewall.",
                clients=hosted,
                pitfall="P-1",
            )
        case Reach.IPV6:
            yield warning(
                check,
                f"{named}: there is no IPv4 address.",
                client_does="Some vendors' clouds are said to call over IPv4 alone.",
                mend="Give the name an IPv4 address as well.",
                clients=hosted,
                pitfall="P-1",
            )
        case Reach.EVERYWHERE:
            yield ok(check, f"{host(origin)} has a public address.")
        case Reach.UNKNOWN:
            return
