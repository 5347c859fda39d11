"""What the views of one process share: settings, database, definition, and counts of beacons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Lock

import structlog
from flask import Flask, current_app

from collector.config import Settings
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition
from collector.domain.installation import Installation
from collector.domain.signed_keys import SignedKeys
from collector.domain.tombstones import Forgotten
from collector.errors import OutdatedError, SecretError
from collector.sources import definition
from collector.storage import replicas, sessions, tombstones
from collector.storage.database import Connection, Database
from collector.storage.secrets import SecretBox
from collector.storage.sightings import Seen
from collector.web import capacity, meter, security
from collector.web.committing import GroupCommit
from collector.web.counting import BeaconCounts
from collector.web.limiting import Limits
from collector.web.measured import Measured
from collector.web.meter import Meter
from collector.web.parking import Parking

_NAME = "collector"

#: So many installations' secrets for signatures are kept as they were read.
_MOST_SIGNING = 1000

_log = structlog.get_logger(__name__)

#: Of each process, to the replica; what many ask is kept, so that few ask at once.
REPORT_CONNECTIONS = 4


class State:
    """Opened at first use, because a server may fork after the application was made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database: Database | None = None
        self._replica: Database | None = None
        self._database_lock = Lock()
        self._definition: tuple[int, Definition] | None = None
        self._definition_lock = Lock()
        self.counts = BeaconCounts(lambda: self.database)
        self._meter: Meter | None = None
        self._meter_lock = Lock()
        self.measured = Measured(lambda: self.database)
        self.limits = Limits(settings, tell=self._tell_alone)
        self.headers_of_content = security.of_content(settings)
        self._signing: dict[tuple[int, tuple[str, ...], tuple[str, ...]], SignedKeys] = {}
        #: By project, as they were when a view last read them: what is refused is refused by a
        #: fresh reading, and what is stored is stored only if this is still true.
        self.known_installations: dict[int, Installation] = {}
        #: By project, those who were forgotten, as of so many forgettings: read with the
        #: installation, with which both are compared when something is stored.
        self._forgotten: dict[int, tuple[int, Forgotten]] = {}
        #: Store a beacon, together with others. On return it is on disk.
        self.store = GroupCommit[Seen](
            self._record, limit=capacity.waiting(settings), tell=self._tell_waiting
        )
        #: The same for the beacons that a server's event loop judges.
        self.parking = Parking[Seen](
            self._record, limit=capacity.parked(settings), tell=self._tell_parked
        )

    def _record(self, seen: Sequence[Seen]) -> Sequence[Exception | None]:
        begun = time.perf_counter()
        found = sessions.record_all(self.database, seen)
        self.meter.commit_seconds.observe(time.perf_counter() - begun)
        self.meter.commit_beacons.observe(len(seen))
        return found

    def _tell_waiting(self, number: int) -> None:
        self.meter.waiting.set(number)

    def _tell_parked(self, number: int) -> None:
        self.meter.parked.set(number)

    def _tell_alone(self, alone: int) -> None:
        self.meter.limits_alone.set(alone)

    @property
    def database(self) -> Database:
        """The process's one database; every thread finds a connection in its pool."""
        with self._database_lock:
            if self._database is None:
                self._database = Database(
                    self._settings.database_url, pool_size=capacity.connections(self._settings)
                )
            return self._database

    @property
    def replica(self) -> Database | None:
        """What long reports are read from; None if they are read from the database itself."""
        url = self._settings.report_database_url
        with self._database_lock:
            if self._replica is None and url:
                self._replica = replicas.opened(url, pool_size=REPORT_CONNECTIONS)
            return self._replica

    @property
    def meter(self) -> Meter:
        """What this process counts."""
        with self._meter_lock:
            if self._meter is None:
                self._meter = meter.begin(
                    self._settings.metrics_folder,
                    parked=capacity.parked(self._settings),
                    waiting=capacity.waiting(self._settings),
                )
            return self._meter

    @property
    def secrets(self) -> SecretBox | None:
        """Encrypts what is kept of refused records; None without COLLECTOR_SECRET_KEY."""
        keys = self._settings.secret_key
        return SecretBox(keys) if keys else None

    def signed_keys(self, installation: Installation) -> SignedKeys | None:
        """How the installation's keys are signed; None if they are not."""
        if not installation.signing_secrets:
            return None
        sealed = installation.signing_secrets
        at = (installation.project_id, sealed, installation.signed_kinds)
        found = self._signing.get(at)
        if found is None:
            found = SignedKeys(
                project_id=installation.project_id,
                secrets=self._opened(installation.project_id, sealed),
                required=frozenset(installation.signed_kinds),
            )
            if len(self._signing) >= _MOST_SIGNING:
                self._signing.clear()
            self._signing[at] = found
        return found

    def _opened(self, project_id: int, sealed: Sequence[str]) -> tuple[str, ...]:
        box = self.secrets
        try:
            return tuple(box.open(secret) for secret in sealed) if box is not None else ()
        except SecretError as error:
            _log.error("signing_secret_unreadable", project_id=project_id, error=str(error))
            return ()

    @property
    def caller_hash(self) -> CallerHash | None:
        """Hashes callers' numbers; None without COLLECTOR_SECRET_KEY."""
        keys = self._settings.secret_key
        return CallerHash.of_all(keys) if keys else None

    def learn(self, connection: Connection, installation: Installation) -> None:
        """Keep an installation as it was read, with whoever was forgotten there."""
        project_id, number = installation.project_id, installation.forgettings
        if not number:
            self._forgotten.pop(project_id, None)
        elif self._forgotten.get(project_id, (0,))[0] != number:
            found = tombstones.read(connection, project_id, self.caller_hash)
            self._forgotten[project_id] = (number, found)
        self.known_installations[project_id] = installation

    def unlearn(self, project_id: int) -> None:
        """There is no such installation any more; added again, it counts forgettings from 0."""
        self.known_installations.pop(project_id, None)
        self._forgotten.pop(project_id, None)

    def forgotten(self, installation: Installation) -> Forgotten | None:
        """Who was forgotten there; None if nobody was.

        Raises:
            OutdatedError: the tombstones were read with another reading of the installation.
        """
        if not installation.forgettings:
            return None
        known = self._forgotten.get(installation.project_id)
        if known is None or known[0] != installation.forgettings:
            raise OutdatedError
        return known[1]

    @property
    def refused_for(self) -> timedelta:
        """So long refused records are kept."""
        return self._settings.refused_for

    @property
    def client_seconds(self) -> int:
        """A client may take so many to send a small body."""
        return self._settings.client_seconds

    @property
    def metrics_token(self) -> str:
        """Whoever has it may read the metrics; empty if only this machine may."""
        return self._settings.metrics_token

    @property
    def public_url(self) -> str:
        """The address of this server as platforms and browsers know it; empty if it is not set."""
        return self._settings.public_url

    def definition(self) -> Definition:
        """The integration definition, read again when its file has changed.

        Raises:
            DefinitionError: the file is missing or wrong.
        """
        path = Path(self._settings.integration)
        with self._definition_lock:
            changed_at = _changed_at(path)
            if self._definition is None or self._definition[0] != changed_at:
                self._definition = None  # a file that became wrong must not serve as it was
                self._definition = (changed_at, definition.read(path))
            return self._definition[1]

    def close(self) -> None:
        """Write what was counted, and let go of the database; at its end a process does so too."""
        self.counts.close()
        self.limits.close()
        with self._database_lock:
            for opened in (self._database, self._replica):
                if opened is not None:
                    opened.close()


def install(app: Flask, settings: Settings) -> None:
    """Give the application its state."""
    app.extensions[_NAME] = State(settings)


def of(app: Flask) -> State:
    """The state of an application."""
    found: State = app.extensions[_NAME]
    return found


def current() -> State:
    """The state of the application that answers this request."""
    return of(current_app)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says what is wrong
