"""A program on the person's machine that waits for the answer: the loopback redirect of RFC 8252 §7.3."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Callback:
    """uri: where it listens; answers: the parameters of each answer, in the order of arrival."""

    uri: str
    answers: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def callback() -> Iterator[Callback]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                waiting.answers.append(dict(parse_qsl(parts.query)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Connected</title>You can close this window.")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        waiting = Callback(f"http://127.0.0.1:{server.server_address[1]}/callback")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield waiting
        finally:
            server.shutdown()
            thread.join()
