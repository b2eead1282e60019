"""Real TLS servers of this machine, with certificates that are good or bad in one way."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from tests.support.live_server import PromptServer

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Authority:
    """Issues certificates. context: of somebody who trusts it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.certificate.public_bytes(Encoding.PEM).decode())
        return context

    def issue(self, file: Path, begins: dt.datetime, ends: dt.datetime, names: Sequence[str] = (HERE,)) -> Path:
        """→ the file with the certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(key, "server", self.certificate.subject, self.key, (begins, ends), names)
        pem = certificate.public_bytes(Encoding.PEM)
        file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return file


def authority(now: dt.datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    lives = (now - dt.timedelta(days=400), now + dt.timedelta(days=400))
    return Authority(key, _signed(key, "authority", name, key, lives, ()))


def _signed(
    key: ec.EllipticCurvePrivateKey,
    subject: str,
    issuer: x509.Name,
    signing: ec.EllipticCurvePrivateKey,
    lives: tuple[dt.datetime, dt.datetime],
    names: Sequence[str],
) -> x509.Certificate:
    known = [x509.IPAddress(ip_address(each)) if each == HERE else x509.DNSName(each) for each in names]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(lives[0])
        .not_valid_after(lives[1])
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if known:
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    return builder.sign(signing, SHA256())


def server_context(certificate: Path, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if newest is not None:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
    return context


@contextlib.contextmanager
def handshaking(context: ssl.SSLContext | None) -> Iterator[str]:
    """→ the origin of a server that shakes hands and says nothing; without a context, of one that knows no TLS."""
    listening = socket.create_server((HERE, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                if context is None:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                else:
                    context.wrap_socket(connection, server_side=True).close()
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://{HERE}:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@contextlib.contextmanager
def serving_tls(app: ASGIApp, listening: socket.socket, certificate: Path) -> Iterator[None]:
    """Serve an application on a socket that is bound."""
    server = PromptServer(uvicorn.Config(app, log_config=None, ssl_certfile=str(certificate), lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert server.ready.wait(timeout=30)
    try:
        yield
    finally:
        server.stop()
        thread.join(timeout=30)
        listening.close()
