"""What the limits cost a beacon: the event loop's way to its answer with and without them.

In one process and without a socket or a disk, since what is looked for is a microsecond or two: the
same requests, in turns, by an express lane whose beacons are on disk at once. Run it as
``python -m bench.limits``; with a redis-server installed, one is started and shared.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from bench import beacon_traffic
from collector.config import Settings
from collector.domain.installation import Installation
from collector.storage import installations, migrate
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from collector.web import create_app
from collector.web.express import Express
from collector.web.rsgi import HeaderList, Headers

ROUNDS = 15
REQUESTS = 4000

#: Clients that take turns; each is far from its limit.
CLIENTS = 5000

_UNLIMITED = "1000000000/minute"
_OFF: dict[str, Any] = {"limit_client": "off", "limit_project": "off"}
_ON: dict[str, Any] = {"limit_client": _UNLIMITED, "limit_project": _UNLIMITED, "proxy_hops": 1}

Variant = Callable[[], Awaitable[None]]


class _Heads:
    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __contains__(self, name: str) -> bool:
        return name in self._headers

    def keys(self) -> list[str]:
        return list(self._headers)

    def get(self, name: str) -> str | None:
        return self._headers.get(name)

    def get_all(self, name: str) -> list[str]:
        return [self._headers[name]] if name in self._headers else []


class _Request:
    """A request and the way of its answer, as granian hands them over."""

    http_version, scheme, method, path, query_string = "1.1", "http", "POST", "/v1/sessions", ""
    server, client = "127.0.0.1:8000", "127.0.0.1:50000"

    def __init__(self, sent: bytes, number: int) -> None:
        head, _, self._body = sent.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        headers = {name.lower(): value for name, value in lines}
        client = number % CLIENTS
        headers["x-forwarded-for"] = (
            f"198.{18 + client // 65536}.{client // 256 % 256}.{client % 256}"
        )
        self.headers: Headers = _Heads(headers)
        self.status = 0

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body

    def response_empty(self, status: int, _headers: HeaderList, /) -> None:
        self.status = status

    def response_bytes(self, status: int, _headers: HeaderList, _body: bytes, /) -> None:
        self.status = status


def main() -> None:
    """Measure, and print the medians."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'collector.db'}"
        _make(url)
        key = (generate_key(),)
        settings = {"off": _OFF, "in memory": _ON}
        if shutil.which("redis-server"):
            shared = opened.enter_context(_redis(folder))
            settings["shared by a Redis"] = {**_ON, "limits_url": shared}
            settings["a Redis that is away"] = {**_ON, "limits_url": f"redis://127.0.0.1:{_port()}"}
        lanes = {
            name: _lane(opened, Settings(database_url=url, secret_key=key, **chosen))
            for name, chosen in settings.items()
        }
        requests = [
            _Request(sent, number)
            for number, sent in enumerate(beacon_traffic.requests(REQUESTS, seed=1))
        ]
        asyncio.run(_measure(lanes, requests))
    _measure_library()


def _make(url: str) -> None:
    with Database(url) as database:
        migrate.upgrade(database)
        _install(database)


def _install(database: Database) -> None:
    with database.write() as connection:
        for project_id in beacon_traffic.PROJECTS:
            shop = Installation(
                project_id=project_id,
                integration_id=42,
                name="Shop",
                client_id="client",
                integration_version=1,
                origins=(beacon_traffic.origin_of(project_id),),
                region="FR",
            )
            installations.add(connection, shop, "sealed", datetime.now(UTC))


def _lane(opened: ExitStack, settings: Settings) -> Express:
    app = create_app(settings)
    state = app.extensions["collector"]
    opened.callback(state.close)
    with state.database.read() as connection:
        for project_id in beacon_traffic.PROJECTS:
            state.known_installations[project_id] = installations.find(connection, project_id)
    lane = Express(app, threads=4)

    async def stored(*_: object) -> None:
        return None

    # A disk and numbers that were not met before would drown what is looked for.
    vars(lane).update(_store=stored, _are_quickly_read=lambda *_: True)
    return lane


async def _measure(lanes: dict[str, Express], requests: Sequence[_Request]) -> None:
    times: dict[str, list[float]] = {name: [] for name in lanes}
    for number in range(ROUNDS + 1):
        order = list(lanes.items())
        for name, lane in order if number % 2 else reversed(order):
            begun = time.process_time()
            for request in requests:
                await lane.__rsgi__(request, request)
            taken = time.process_time() - begun
            if not all(request.status == 204 for request in requests):
                raise SystemExit(f"{name}: a beacon was not acknowledged")
            if number:  # the first round only warms up
                times[name].append(taken / len(requests) * 1e6)
    print(f"Processor time of a beacon in the express lane, {CLIENTS} clients, µs:")
    for name, found in times.items():
        # Whatever else the machine does only adds, so that the least says most.
        print(
            f"  {name:22} least {min(found):5.1f} ({min(found) - min(times['off']):+.1f})   "
            f"median {statistics.median(found):5.1f}"
        )


def _measure_library() -> None:
    """What the library's own memory would take, its thread that looks for old keys included."""
    print("The library limits with its own memory, for one limit, µs:")
    for clients in (1, CLIENTS, 10 * CLIENTS):
        limiter = SlidingWindowCounterRateLimiter(cast("Any", storage_from_string("memory://")))
        item = RateLimitItemPerMinute(1_000_000)
        names = [f"{number:05x}" for number in range(clients)]
        for name in names:
            limiter.hit(item, name)
        begun = time.process_time()
        for number in range(30_000):
            limiter.hit(item, names[number % clients])
        print(f"  {clients:6} clients {(time.process_time() - begun) / 30_000 * 1e6:6.1f}")


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = _port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(
        [*command, "--dir", str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout  # noqa: S101 - it was asked for
        next(line for line in process.stdout if "eady to accept connections" in line)
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
