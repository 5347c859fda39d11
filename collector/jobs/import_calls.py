"""Imports call records: good ones are stored, bad ones are told with their line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from collector.domain.reading import CallReader, Refusal
from collector.jobs.chunks import Chunk, ChunkReader
from collector.sources.lines import Line
from collector.storage import intake
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.storage.preparing import Prepared
from collector.storage.secrets import SecretBox

#: So many are stored in one transaction: another writer on SQLite waits about 100 ms for them, and
#: with fewer, each would write most of the indexes' pages anew.
CHUNK = 1750

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

    def add(self, read: Prepared, outcomes: Iterable[Stored]) -> None:
        """Count one chunk."""
        self.counts.update(outcomes)
        self.passed_over += read.passed_over
        self.refused += len(read.refusals)
        self.refusals += read.refusals[: MAX_TOLD - len(self.refusals)]

    def include(self, other: Summary) -> None:
        """Count what another import did, without its reasons."""
        self.counts += other.counts
        self.passed_over += other.passed_over
        self.refused += other.refused


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

    @property
    def chunk_reader(self) -> ChunkReader:
        """Reads what this one stores."""
        return ChunkReader(
            reader=self.reader,
            dialect=self.database.dialect,
            size=self.chunk,
            strict=self.strict,
        )

    def run(self, lines: Iterable[Line], origin: str) -> Summary:
        """Import ``lines``; ``origin`` is the file's name, for people.

        Raises:
            StrictImportError: ``strict`` is set and a record is bad.
            DatabaseUnavailableError: chunks stored before it stay; importing again is harmless.
        """
        return self.store(self.chunk_reader.chunks(lines, self.clock), origin)

    def store(self, chunks: Iterable[Chunk], origin: str) -> Summary:
        """Import what was read elsewhere; it raises what ``chunks`` and ``run`` raise."""
        summary = Summary()
        for unit, read in chunks:
            if self.stopping():
                summary.stopped = True
                break
            summary.unit = unit
            summary.add(read, self._store(read, origin))
        return summary

    def _store(self, read: Prepared, origin: str) -> Sequence[Stored]:
        if not read.calls.call_ids and not read.refusals:
            return ()
        with self.database.write() as connection:
            return intake.take_in(
                connection,
                self.project_id,
                read,
                source=self.reader.source,
                origin=origin,
                now=self.clock(),
                secrets=self.secrets,
                kept_for=self.kept_for,
            )
