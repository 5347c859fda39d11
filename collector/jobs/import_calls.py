"""Imports call records: good ones are stored, bad ones are told with their line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from collector.domain.reading import CallReader, Readings, Refusal
from collector.errors import RecordError
from collector.sources.files import Line
from collector.storage import intake
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.storage.secrets import SecretBox

#: So many are stored in one transaction. Another writer on SQLite waits as long as it takes, and
#: with fewer, each would write most of the indexes' pages anew.
CHUNK = 5000

#: So many refusals are told with their reasons; beyond that they are only counted.
MAX_TOLD = 1000


@dataclass(kw_only=True, slots=True)
class Summary:
    """What an import did. ``read`` is the sum of the others."""

    counts: Counter[Stored] = field(default_factory=Counter)
    passed_over: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    unit: str = "line"  #: what the numbers of the refusals count
    stopped: bool = False  #: before the end, because it was asked to

    @property
    def read(self) -> int:
        return sum(self.counts.values()) + self.passed_over + self.refused

    def add(self, readings: Readings, outcomes: Iterable[Stored]) -> None:
        """Count one chunk."""
        self.counts.update(outcomes)
        self.passed_over += readings.passed_over
        self.refused += len(readings.refusals)
        self.refusals += readings.refusals[: MAX_TOLD - len(self.refusals)]

    def include(self, other: Summary) -> None:
        """Count what another import did, without its reasons."""
        self.counts += other.counts
        self.passed_over += other.passed_over
        self.refused += other.refused


class StrictImportError(RecordError):
    """With ``strict``, the first bad record stops the import; what came before it is stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Importer:
    """Stores the calls of files for one project, in chunks, each one transaction."""

    database: Database
    project_id: int
    reader: CallReader
    secrets: SecretBox | None = None  #: None: of refused records only the reasons are kept
    kept_for: timedelta | None = (
        None  #: so long refused records are kept; None leaves it to the job
    )
    strict: bool = False
    chunk: int = CHUNK  #: so many records are stored in one transaction
    stopping: Callable[[], bool] = lambda: False  #: asked before each chunk
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, lines: Iterable[Line], origin: str) -> Summary:
        """Import ``lines``; ``origin`` is the file's name, for people.

        Raises:
            StrictImportError: ``strict`` is set and a record is bad.
            DatabaseUnavailableError: chunks stored before it stay; importing again is harmless.
        """
        summary = Summary()
        remaining = iter(lines)
        while chunk := list(islice(remaining, self.chunk)):
            if self.stopping():
                summary.stopped = True
                break
            now = self.clock()
            readings = Readings()
            summary.unit = chunk[0].unit
            try:
                self._read(chunk, readings, now)
            finally:
                self._store(readings, summary, origin, now)
        return summary

    def _read(self, chunk: Iterable[Line], readings: Readings, now: datetime) -> None:
        for line in chunk:
            try:
                if line.error is not None:
                    raise line.error
                call = self.reader.read(line.record or {}, now)
            except RecordError as error:
                if self.strict:
                    raise StrictImportError(
                        error.code, f"{line.unit} {line.number}: {error}"
                    ) from error
                came = line.text if line.record is None else line.record
                readings.refusals.append(self.reader.refusal(line.number, came, error))
            else:
                if call is None:
                    readings.passed_over += 1
                else:
                    readings.calls.append(call)

    def _store(self, readings: Readings, summary: Summary, origin: str, now: datetime) -> None:
        outcomes: list[Stored] = []
        if readings.calls or readings.refusals:
            with self.database.write() as connection:
                outcomes = intake.take_in(
                    connection,
                    self.project_id,
                    readings,
                    source=self.reader.source,
                    origin=origin,
                    now=now,
                    secrets=self.secrets,
                    kept_for=self.kept_for,
                )
        summary.add(readings, outcomes)
