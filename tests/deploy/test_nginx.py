"""A real nginx with our configuration and TLS, in front of a real server."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from tests.web import serving
from tests.web.conftest import BEACON, ORIGIN, PROJECT

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "collector.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NAME = "collector.example.com"

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx here")

MAIN = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/collector.conf;
}}
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Message


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """What listens in front, with the certificate that its clients trust."""

    port: int
    plain_port: int
    certificate: Path

    def connect(self, name: str = NAME, protocols: Sequence[str] = ()) -> ssl.SSLSocket:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        if protocols:
            trust.set_alpn_protocols(protocols)
        with ExitStack() as opened:
            raw = opened.enter_context(
                socket.create_connection(("127.0.0.1", self.port), timeout=20)
            )
            line = trust.wrap_socket(raw, server_hostname=name)
            opened.pop_all()
        return line

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        **headers: str,
    ) -> Answer:
        connection = HTTPSConnection(NAME, self.port, timeout=20)
        connection.sock = self.connect()
        told = {name.replace("__", "-"): value for name, value in headers.items()}
        chunked = body is not None and not isinstance(body, bytes)
        with closing(connection):
            connection.request(method, path, body, told, encode_chunked=chunked)
            with connection.getresponse() as response:
                response.read()
                return Answer(status=response.status, headers=response.headers)


def post(proxy: Proxy, body: bytes | Iterable[bytes], **headers: str) -> Answer:
    told = {"Content__Type": "text/plain", "Origin": ORIGIN, **headers}
    return proxy.ask("POST", "/v1/sessions", body, **told)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def configure(folder: Path, server: str, port: int, plain_port: int) -> None:
    """Our configuration, but for the ports, the certificate and the server's address."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("/etc/ssl/collector/", f"{folder}/"),
        ("127.0.0.1:8000;", f"{server};"),
    ):
        assert old in text
        text = text.replace(old, new)
    lines = [line for line in text.splitlines() if "listen [::]" not in line]
    (folder / "collector.conf").write_text("\n".join(lines), encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder), encoding="utf-8")


@pytest.fixture(scope="module")
def proxy(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    assert NGINX
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)  # started by root, nginx works as another user
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'collector.db')}"
    with Database(url) as database, database.write() as connection:
        shop = Installation(
            project_id=PROJECT,
            integration_id=42,
            name="Shop",
            client_id="client",
            integration_version=1,
            origins=(ORIGIN,),
            region="FR",
        )
        installations.add(connection, shop, "sealed", datetime.now(UTC))
    make_certificate(folder)
    server = serving.start(url, folder=folder)
    port, plain_port = free_port(), free_port()
    configure(folder, "{}:{}".format(*server.address), port, plain_port)
    here = ("-p", str(folder), "-e", str(folder / "error.log"))
    command = [NGINX, *here, "-c", str(folder / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as nginx:
        try:
            wait_for(port, nginx)
            certificate = folder / "fullchain.pem"
            yield Proxy(port=port, plain_port=plain_port, certificate=certificate)
        finally:
            nginx.terminate()
            nginx.wait(30)
            server.stop()
            assert server.process.stdout
            server.process.stdout.close()


def wait_for(port: int, nginx: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and nginx.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)  # nobody tells when a port is bound
        else:
            return
    pytest.fail("nginx does not listen")


def test_what_pages_send_passes_through_tls_whole_and_bounded(proxy: Proxy) -> None:
    body = json.dumps(BEACON).encode()
    stored = post(proxy, body)
    assert stored.status == 204
    assert stored.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "max-age" in stored.headers["Strict-Transport-Security"]
    in_chunks = post(proxy, iter([body[:10], body[10:20], body[20:]]), Transfer__Encoding="chunked")
    assert in_chunks.status == 204
    # A refusal of the server's arrives with its reason.
    refused = post(proxy, b"x" * 9000)
    assert (refused.status, refused.headers["X-Collector-Error"]) == (413, "too_large")
    assert post(proxy, body, Sec__GPC="1").status == 403
    # With an underscore a header is another one, and does not stand in for it.
    assert post(proxy, body, Sec_GPC="1").status == 204
    # Ten megabytes, declared and never sent: the proxy refuses them before.
    with proxy.connect() as line:
        line.sendall(
            f"POST /v1/calls HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n"
            "Content-Length: 10000000\r\n\r\n".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_only_what_is_public_is_answered_and_only_under_its_name(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/metrics").status == 403
    for public in ("/openapi.json", "/docs/api", "/v1/snippet.js", "/v1/sessions"):
        assert proxy.ask("GET", public).status == 200
    with proxy.connect(protocols=["h2", "http/1.1"]) as line:
        assert line.selected_alpn_protocol() == "h2"
    with pytest.raises(ssl.SSLError):
        proxy.connect("other.example.com")
    with socket.create_connection(("127.0.0.1", proxy.plain_port), timeout=20) as plain:
        plain.sendall(f"GET /v1/snippet.js HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        answer = plain.recv(1000).decode()
    assert answer.startswith("HTTP/1.1 308 ")
    assert f"Location: https://{NAME}/v1/snippet.js" in answer
