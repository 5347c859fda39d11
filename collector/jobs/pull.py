"""Reads from the provider's own database what has changed since the last run.

How far was read is written with the calls themselves, so that a run that is killed loses
nothing. Some rows are read more than once, on purpose: the same content again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from collector.domain import limits
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition, SqlSource
from collector.domain.installation import Installation
from collector.domain.reading import CallReader
from collector.domain.records import cell
from collector.domain.times import parse_time
from collector.errors import RecordError, SourceError, SourceUnavailableError
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectReport, Pulled
from collector.sources import since
from collector.sources.database import CallDatabase, Row, mark_columns
from collector.storage import installations, intake, leases, pulls
from collector.storage.database import Database
from collector.storage.leases import Lease
from collector.storage.secrets import SecretBox

#: So many rows are stored in one transaction.
CHUNK = 500

#: So many pages of rows may share one moment.
WIDEST = 256

#: Where refused records came from, for people.
ORIGIN = "[calls.sql]"


class DisorderError(SourceError):
    """Rows came out of order, so that nobody knows how far was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """One run's reading for one installation, under its lease."""

    database: Database
    definition: Definition
    source: SqlSource
    url: str | None  #: stands in for the one of the definition
    secrets: SecretBox
    caller_hash: CallerHash | None
    installation: Installation
    lease: Lease
    report: ProjectReport
    progress: Progress
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]

    def run(self) -> None:
        """Read what there is; what goes wrong there is noted, and keeps nothing else from going on.

        Raises:
            LeaseLostError: another worker has the installation.
        """
        pulled = self.report.pulled = Pulled()
        project_id = self.lease.project_id
        distrusted = False
        try:
            mapping = self.definition.mapping
            with CallDatabase(self.source, mapping, url=self.url) as provider:
                self._check(provider)
                self._read(provider, pulled)
        except SourceError as error:
            pulled.problem = str(error)
            pulled.needs_a_person = not isinstance(error, SourceUnavailableError)
            distrusted = isinstance(error, DisorderError)
        if self.stopping() and pulled.problem is None:
            return  # cut short, it has not shown that an earlier problem is over
        with self.database.write() as connection:
            leases.hold(connection, self.lease, self.clock())
            pulls.settle(connection, project_id, pulled.problem, self.clock())
            if distrusted:
                pulls.forget_how_far(connection, project_id)

    def _check(self, provider: CallDatabase) -> None:
        if provider.tells_projects_apart:
            return
        with self.database.read() as connection:
            if len(installations.list_all(connection)) > 1:
                raise SourceError(
                    "the query of [calls.sql] has no :project_id, and there are several "
                    "installations: each would get the calls of all; add for instance AND "
                    "customer_project = :project_id"
                )

    def _read(self, provider: CallDatabase, pulled: Pulled) -> None:
        begun = self.clock()
        floor = self._floor(begun)
        since_when = since.begin(
            floor or begun - limits.ENRICHABLE_FOR,
            begun,
            self.source.overlap,
            self.definition.mapping.zone,
        )
        limit = self.source.page
        self.progress.begin("pulling", None)
        while not self.stopping():
            rows, newest = 0, None
            for page in provider.ask(since_when, limit, self.lease.project_id):
                marks = self._marks(page, newest)
                self._store(page, marks, floor, pulled)
                newest = max((mark for mark in marks if mark), default=newest)
                rows += len(page)
                if self.stopping():
                    return
            # What is newer than this run is the next one's.
            if rows < limit or (newest is not None and newest >= begun):
                return
            if newest is None:
                raise SourceError(self._no_marks(rows))
            if newest > since_when:
                since_when, limit = newest, self.source.page
            elif limit < self.source.page * WIDEST:
                limit *= 2
            else:
                raise SourceError(self._standstill(rows, since_when))

    def _floor(self, now: datetime) -> datetime | None:
        """How far was read before. In the future it was noted by a clock that was wrong."""
        with self.database.read() as connection:
            state = pulls.find(connection, self.lease.project_id)
        if state is None or state.pulled_until is None:
            return None
        return min(state.pulled_until, now)

    def _mark(self, row: Row, zone: tzinfo) -> datetime | None:
        """When a row was changed last; None if it does not say, or cannot be read."""
        mapping = self.definition.mapping
        try:
            found = cell(row, (*mark_columns(mapping), *mapping.started))
            return parse_time(found.text, zone, mapping.time_formats) if found else None
        except (RecordError, ValueError):
            return None

    def _marks(self, page: Sequence[Row], before: datetime | None) -> list[datetime | None]:
        """When each row was changed, in ascending order, nowhere earlier than ``before``."""
        zone = self.definition.mapping.zone
        marks = []
        for row in page:
            mark = self._mark(row, zone)
            if mark and before and mark < before:
                # Ordered by the moment, a column without offsets tells an hour twice.
                mark = self._mark(row, since.SecondTime(zone)) or mark
            marks.append(mark)
            if mark and before and mark < before:
                raise DisorderError(
                    f"the query of [calls.sql] gives its rows out of order, {mark.isoformat()} "
                    f"after {before.isoformat()}, so that rows would be lost between pages; "
                    f"end it with ORDER BY the column that is compared with :since "
                    f"({mark_columns(self.definition.mapping)[0]}) LIMIT :limit"
                )
            before = mark or before
        return marks

    def _store(
        self,
        page: Sequence[Row],
        marks: Sequence[datetime | None],
        floor: datetime | None,
        pulled: Pulled,
    ) -> None:
        reader = CallReader.of(
            self.definition,
            None,
            region=self.installation.region,
            caller_hash=self.caller_hash,
        )
        for start in range(0, len(page), CHUNK):
            now, end = self.clock(), start + CHUNK
            readings = reader.read_all(enumerate(page[start:end], start=start + 1), now)
            known = [mark for mark in (floor, *marks[start:end]) if mark is not None]
            with self.database.write() as connection:
                leases.hold(connection, self.lease, now)
                outcomes = intake.take_in(
                    connection,
                    self.lease.project_id,
                    readings,
                    source=reader.source,
                    origin=ORIGIN,
                    now=now,
                    secrets=self.secrets,
                )
                if known:
                    # A time in the future must not keep the next run from what comes before it.
                    until = min(max(known), now)
                    pulls.advance(connection, self.lease.project_id, until, now)
            pulled.counts.update(outcomes)
            pulled.passed_over += readings.passed_over
            pulled.refused += len(readings.refusals)
            self.progress.advance(len(page[start:end]))

    def _no_marks(self, rows: int) -> str:
        column = mark_columns(self.definition.mapping)[0]
        return (
            f"none of the {rows} rows that the query of [calls.sql] gives has a time in {column!r} "
            "that can be read; to see why: collector calls refused --project-id "
            f"{self.lease.project_id}"
        )

    def _standstill(self, rows: int, since_when: datetime) -> str:
        column = mark_columns(self.definition.mapping)[0]
        return (
            f"the query of [calls.sql] gives {rows} rows and none of them is newer in {column!r} "
            f"than {since_when.isoformat()}; compare that very column with :since, and make it "
            "finer if so many rows share one time"
        )
