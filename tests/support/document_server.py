"""Hosts of the internet that publish documents, on one real TLS server of this machine."""

import contextlib
import datetime as dt
import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from oauth.remote.addresses import is_private as is_internal
from oauth.remote.fetching import Is, Network

HERE = "127.0.0.1"
HOSTS = ("app.test", "other.test", "claude.ai", "chatgpt.com", "vscode.dev")


@dataclass(frozen=True, slots=True)
class Published:
    """An answer. delay: an event that it waits for. drip: its body has no end, and this many seconds between bytes."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: threading.Event | None = None
    drip: float | None = None


class DocumentServer:
    """documents: by URL. asked: URLs, in their order. resolved: names that were looked up."""

    def __init__(self) -> None:
        self.documents: dict[str, Published] = {}
        self.asked: list[str] = []
        self.resolved: list[str] = []
        self.addresses: Sequence[str] = (HERE,)
        self.port = 0
        self.context = ssl.create_default_context()

    def begin_anew(self) -> None:
        """Nothing is published, nothing was asked."""
        self.documents.clear()
        self.asked.clear()
        self.resolved.clear()
        self.addresses = (HERE,)

    def publish(self, url: str, document: object, *, status: int = 200, **headers: str) -> None:
        """headers: cache_control="max-age=60" is Cache-Control."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[url] = Published(body, status, {"content-type": "application/json", **named})

    def network(self, *, is_public: Is | None = None, is_private: Is | None = None) -> Network:
        """The internet, of which this server is all there is."""

        async def resolve(host: str) -> Sequence[str]:
            self.resolved.append(host)
            return self.addresses

        return Network(
            resolve, is_public or (lambda address: address == HERE), is_private or is_internal, self.port, self.context
        )


@contextlib.contextmanager
def document_server(folder: Path) -> Iterator[DocumentServer]:
    served = DocumentServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"https://{self.headers['host']}{self.path}"
            served.asked.append(url)
            found = served.documents.get(url, Published(b"{}", 404))
            if found.delay is not None:
                found.delay.wait(20)
            with contextlib.suppress(OSError):
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                if found.drip is None:
                    self.send_header("content-length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)
                while found.drip is not None:
                    self.wfile.write(b" ")
                    time.sleep(found.drip)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that hung up

    certificate, authority = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server((HERE, 0), Handler) as server:
        # In the thread of the connection, so that a slow one holds up no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        served.port = int(server.server_address[1])
        served.context.load_verify_locations(cadata=authority)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def _certificate(folder: Path) -> tuple[Path, str]:
    """For HOSTS alone, not for the address. → the file with its key, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "documents")])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in HOSTS]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    file = folder / "documents.pem"
    file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file, pem.decode()
