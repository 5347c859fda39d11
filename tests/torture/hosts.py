"""Several hosts on one database, one killed and one cut off in the middle: what becomes of it all.

PostgreSQL, two servers, two workers, the API and the visitors each have a host (a network
namespace), and each is real processes of this program. In the middle one server is killed and one
worker, with a request in flight, is cut off, so that its connections hang half-open. When its
successor has taken over it is back, and must write nothing over it. Needs Linux, root, and ip.

    python -m tests.torture.hosts [--real] [--rounds N]

Exit code 1 if anything was lost or doubled, or was taken over too late. ``--real`` leaves all
lengths of time as they are in production: about eight minutes a round.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console

from collector.domain.installation import Installation
from collector.storage import installations, leases, tokens
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from tests.postgres import PostgresServer
from tests.torture import hosts_net
from tests.torture.hosts_api import SECRET, make_certificate
from tests.torture.hosts_api import installations as known
from tests.torture.hosts_findings import Findings, look
from tests.torture.hosts_net import Host
from tests.torture.hosts_worker import TERM
from tests.torture.processes import ROOT

HOSTS = ("db", "server-1", "server-2", "worker-1", "worker-2", "api", "visitors")

#: Anything that takes longer than this beyond what it may has failed.
PATIENCE_SECONDS = 60

SERVERS, WORKERS = HOSTS[1:3], HOSTS[3:5]


@dataclass(kw_only=True)
class Scene:
    """One round. ``database`` is reached by its socket in the file system, by no network."""

    hosts: Mapping[str, Host]
    folder: Path
    database: Database
    url: str
    key: str
    trusted: Path
    real: bool
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str, *command: str, **settings: str) -> None:
        """Run something on this host; what it says goes to a file of its name."""
        environment = {k: v for k, v in os.environ.items() if "COLLECTOR_" not in k}
        environment |= {
            "COLLECTOR_DATABASE_URL": self.url,
            "COLLECTOR_SECRET_KEY": self.key,
            "COLLECTOR_INTEGRATION": str(ROOT / "examples/phone-calls/integration.toml"),
            "COLLECTOR_AUTH_URL": f"https://{self.hosts['api'].address}/v1/oauth/token",
            "REQUESTS_CA_BUNDLE": str(self.trusted),
            "PYTHONPATH": str(ROOT),
            **settings,
        }
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(
                self.hosts[name].command(sys.executable, *command),
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End all processes of this host at once."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)

    def one(self, question: str, **values: object) -> object:
        """A value out of the database."""
        with self.database.read() as connection:
            return connection.scalar(sa.text(question), values)

    def all(self, question: str, **values: object) -> list[tuple[object, ...]]:
        """All rows."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(sa.text(question), values)]

    def moments(
        self, awaited: Mapping[str, Callable[[], object]], *, seconds: float
    ) -> dict[str, float]:
        """Wait for all of these, in whatever order they come, and say when each did."""
        began, found = time.monotonic(), dict[str, float]()

        def is_over() -> bool:
            for what, is_so in awaited.items():
                if what not in found and is_so():
                    found[what] = time.monotonic() - began
            return len(found) == len(awaited)

        self.until(", ".join(awaited), is_over, seconds)
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def until(
        self, what: str, is_so: Callable[[], object], seconds: float = 0, pause: float = 0.05
    ) -> None:
        """Wait until it is so."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() > began + seconds + PATIENCE_SECONDS:
                said = [f"{name}: {self.said(name)[-500:]}" for name in HOSTS[1:]]
                patience = seconds + PATIENCE_SECONDS
                raise TimeoutError("\n".join([f"{what}: not within {patience:.0f} s", *said]))
            time.sleep(pause)

    def said(self, name: str) -> str:
        """All that a host's process has written."""
        file = self.folder / f"{name}.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""


def play(scene: Scene, told: Callable[[str], None]) -> Findings:
    """One round, and what came of it."""
    _begin(scene)
    term = (leases.TERM if scene.real else TERM).total_seconds()
    lost = scene.hosts["worker-1"]
    arrived = scene.folder / "arrived"
    arrived.touch()
    sent = len(arrived.read_text().split())
    scene.until(
        "the worker sends", lambda: lost.address in arrived.read_text().split()[sent:], pause=0.005
    )
    lost.cut()
    scene.kill("server-1")
    owner = f"%:{scene.processes['worker-1'].pid}:%"
    held = scene.all(
        "SELECT project_id, lease_number FROM installation WHERE lease_owner LIKE :owner "
        "AND lease_until IS NOT NULL",
        owner=owner,
    )
    now_held = "SELECT project_id, lease_number FROM installation"
    there = "SELECT 1 FROM pg_stat_activity WHERE client_addr = CAST(:address AS inet)"
    moments = scene.moments(
        {
            "its successor took over": lambda: not {*held} & {*scene.all(now_held)},
            "the database gave its connections up": lambda: (
                not scene.all(there, address=lost.address)
            ),
            "it noticed": lambda: "cannot be used" in scene.said("worker-1"),
        },
        seconds=term,
    )
    for what, seconds in moments.items():
        told(f"{seconds:5.1f} s after the cut {what}")
    took = moments["its successor took over"]
    back = datetime.now(UTC)
    lost.join()
    scene.start("server-1", *_serve(scene, "server-1"))
    told(f"it held {len(held)} lease(s); it is back, and the killed server, too")
    runs = "SELECT count(*) FROM run WHERE started_at > :back AND finished_at IS NOT NULL"
    scene.until("both work again", lambda: int(str(scene.one(runs, back=back))) >= 4)
    scene.kill("visitors")
    waiting = "SELECT count(*) FROM call WHERE verdict <> 'accepted'"
    scene.until("all is accepted", lambda: scene.one(waiting) == 0, seconds=term)
    for name in WORKERS:
        scene.processes[name].send_signal(signal.SIGTERM)
        scene.processes[name].wait(PATIENCE_SECONDS)
    found = look(scene.folder, scene.database, scene.hosts["api"])
    return found.with_takeover(took, term)


def _begin(scene: Scene) -> None:
    """Everybody is at work."""
    scene.start("api", "-m", "tests.torture.hosts_api", scene.hosts["api"].address, ".")
    scene.until("the API answers", lambda: "ready" in scene.said("api"))
    box, now = SecretBox([scene.key]), datetime.now(UTC)
    given = {}
    with scene.database.write() as connection:
        for one in known():
            installation = Installation(
                project_id=one.project_id,
                integration_id=one.integration_id,
                name="Shop",
                client_id=one.client_id,
                integration_version=1,
                origins=("https://shop.example",),
                region="FR",
                proven_version=1,
            )
            installations.add(connection, installation, box.seal(SECRET), now)
            given[one.project_id] = tokens.create(
                connection, project_id=one.project_id, scope="calls", name="", now=now
            )
    for name in SERVERS:
        scene.start(name, *_serve(scene, name))
    for name in SERVERS:
        scene.until("a server listens", partial(_listens, scene, name))
    urls = [f"http://{scene.hosts[name].address}:8000" for name in SERVERS]
    scene.start("visitors", "-m", "tests.torture.hosts_client", ".", json.dumps(given), *urls)
    program = "collector" if scene.real else "tests.torture.hosts_worker"
    for name in WORKERS:
        scene.start(name, "-m", program, "reconcile", "--every", "1s")


def _listens(scene: Scene, name: str) -> bool:
    return "http://" in scene.said(name)


def _serve(scene: Scene, name: str) -> Sequence[str]:
    return ("-m", "collector", "serve", "--host", scene.hosts[name].address, "--processes", "2")


@contextmanager
def staged(*, real: bool) -> Iterator[Scene]:
    """The hosts, with a database that listens on one of them."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True)
            )
        )
        data = folder / "data"
        data.mkdir()
        server = PostgresServer(data)
        name = server.create(server.template)
        server.command("pg_ctl", "-D", str(data), "-w", "stop")
        hosts = stack.enter_context(hosts_net.network(HOSTS))
        database_host = hosts["db"]
        with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write("host all all 10.88.0.0/24 trust\n")
        listens = f"-h {database_host.address} -k {data}"
        server.command(
            "pg_ctl", "-D", str(data), "-w", "-o", listens, "-l", f"{data}/log", "start",
            on=database_host.command(),
        )  # fmt: skip
        stack.callback(server.command, "pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        database = stack.enter_context(Database(server.url(name)))
        scene = Scene(
            hosts=hosts,
            folder=folder,
            database=database,
            url=f"postgresql://postgres@{database_host.address}/{name}",
            key=generate_key(),
            trusted=make_certificate(hosts["api"].address, folder),
            real=real,
        )
        try:
            yield scene
        finally:
            for name in list(scene.processes):
                if scene.processes[name].poll() is None:
                    scene.kill(name)


def main() -> int:
    asked = _arguments()
    console = Console()
    if (reason := hosts_net.why_not()) is not None:
        console.print(f"Skipped: {reason}.")
        return 0
    is_well = True
    for number in range(1, asked.rounds + 1):
        with staged(real=asked.real) as scene:
            found = play(scene, lambda text: console.print(f"  {text}"))
        is_well &= not found.faults
        console.print(f"round {number}: {found.told()}")
    return 0 if is_well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.hosts",
        description="Kill one host and cut off another; look whether anything is lost or doubled.",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--real", action="store_true", help="the lengths of time of production")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
