"""What channels lead to, on this machine: a mail server, a web server, and a proxy behind which is the whole world."""

from __future__ import annotations

import datetime
import http.server
import io
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

WORLD = ("hooks.slack.com", "prod-1.uksouth.logic.azure.com", "events.pagerduty.com", "discord.com")


class Received(NamedTuple):
    """A request as it came. `host` is where it meant to go."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What came, and what is answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[Received] = []
        self.status = 200


class _Web(http.server.BaseHTTPRequestHandler):
    receiver: Receiver
    context: ssl.SSLContext | None = None
    _host = ""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = self._host or headers.get("host", "")
        self.receiver.received.append(Received(host, self.path, headers, self.rfile.read(length)))
        body = b"ok" if self.receiver.status == 200 else b"no"
        self.send_response(self.receiver.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        """Open a tunnel that ends here: who asked for another machine gets this one, with its certificate."""
        assert self.context is not None
        self.send_response(200)
        self.end_headers()
        inner = self.context.wrap_socket(self.connection, server_side=True)
        self._host = self.path
        with inner, inner.makefile("rb") as self.rfile, inner.makefile("wb") as self.wfile:
            self.handle_one_request()
        self.rfile, self.wfile, self.close_connection = io.BytesIO(), io.BytesIO(), True

    def log_message(self, *_: Any) -> None:
        pass


class _Mail(socketserver.StreamRequestHandler):
    receiver: Receiver

    def handle(self) -> None:
        self._say("220 receiver")
        sender, to = "", ""
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("EHLO") or verb.startswith("HELO"):
                self._say("250 receiver")
            elif verb.startswith("MAIL FROM"):
                sender = line
                self._say("250 ok")
            elif verb.startswith("RCPT TO"):
                to = line
                self._say("250 ok" if self.receiver.status == 200 else "550 nobody here")
            elif verb == "DATA":
                self._say("354 go on")
                self.receiver.received.append(Received(to, sender, {}, self._data()))
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()).rstrip(b"\r\n") != b".":
            lines.append(line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler], **more: Any) -> Iterator[Receiver]:
    made = type("Handler", (handler,), dict(more))
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), made, bind_and_activate=True)
    server.daemon_threads = True
    receiver = Receiver(server.server_address[1])
    made.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def mail_server() -> Iterator[Receiver]:
    """Take mail; `host` of what comes is its recipient, `path` its sender."""
    with _serving(_Mail) as receiver:
        yield receiver


@contextmanager
def web_server() -> Iterator[Receiver]:
    """Take requests over HTTP."""
    with _serving(_Web) as receiver:
        yield receiver


@contextmanager
def world(folder: Path) -> Iterator[tuple[Receiver, Path]]:
    """Be every machine of `WORLD` behind a proxy; yield it, and the certificate to believe."""
    certificate = folder / "world.pem"
    certificate.write_bytes(_certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _serving(_Web, context=context) as receiver:
        yield receiver, certificate


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the world")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in WORLD]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
