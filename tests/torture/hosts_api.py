"""The host of the API: the sandbox behind TLS, with a journal of what was in flight when.

Run as ``python -m tests.torture.hosts_api ADDRESS FOLDER``. Each line of the journal is a batch:
who sent it, when it came, when it was answered, and which enrichments were in it.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.sandbox import Sandbox, SandboxInstallation
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA

PROJECTS = (162, 163)
SECRET = PHONE_CALL_INSTALLATION.client_secret

#: As long as a batch is in flight at least, so that something is when a host is cut off.
LATENCY_MS = 300


def installations() -> list[SandboxInstallation]:
    """What is installed there."""
    return [
        SandboxInstallation(
            project_id=project_id,
            integration_id=project_id - 120,
            client_id=f"client-{project_id}",
            client_secret=SECRET,
            schemas={1: PHONE_CALL_SCHEMA},
        )
        for project_id in PROJECTS
    ]


def serve(address: str, folder: Path) -> None:
    """Answer for ever."""
    lock = Lock()
    with (
        (folder / "journal.jsonl").open("a", encoding="utf-8") as journal,
        Sandbox(installations(), latency_ms=LATENCY_MS) as sandbox,
    ):
        inside = sandbox.url.removeprefix("http://")

        class Front(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                came = time.time()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if b'"enrichments"' in body:
                    with (folder / "arrived").open("a", encoding="ascii") as arrived:
                        arrived.write(f"{self.client_address[0]}\n")
                status, answer = _pass_on(inside, self, body)
                answer = answer.replace(sandbox.url.encode(), f"https://{address}".encode())
                with lock:
                    _note(journal, self.client_address[0], came, body, status)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                held = [[*key, stored.overwritten] for key, stored in sorted(sandbox.held.items())]
                (folder / "held.json").write_text(json.dumps(held), encoding="utf-8")
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer((address, 443), Front)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "api.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("ready", flush=True)  # noqa: T201 - who has started it waits for that
        server.serve_forever()


def _pass_on(inside: str, front: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
    connection = HTTPConnection(inside, timeout=30)
    kept = {name: front.headers[name] for name in ("Content-Type", "Authorization")}
    try:
        connection.request("POST", front.path, body, {k: v for k, v in kept.items() if v})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _note(journal: Any, sender: str, came: float, body: bytes, status: int) -> None:
    document = json.loads(body)
    if "enrichments" not in document:
        return
    sent = [
        [document["projectId"], one["userId"], one["sessionNumber"], one["enrichmentNumber"]]
        for one in document["enrichments"]
    ]
    line = {"sender": sender, "came": came, "answered": time.time(), "status": status}
    journal.write(json.dumps(line | {"sent": sent}) + "\n")
    journal.flush()


def make_certificate(address: str, folder: Path) -> Path:
    """A certificate for the address, which workers are told to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "API of a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "api.pem").write_bytes(secret + shown)
    trusted = folder / "trusted.pem"
    trusted.write_bytes(shown)
    return trusted


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
