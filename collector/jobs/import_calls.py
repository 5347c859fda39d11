"""Imports call records: good ones are stored, bad ones are told with their line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collector.domain.call import Call
from collector.domain.definition import Definition
from collector.domain.installation import Installation
from collector.domain.reading import read_call
from collector.errors import RecordError
from collector.sources.files import Line
from collector.storage import calls
from collector.storage.calls import Stored
from collector.storage.database import Database

CHUNK = 500

#: So many refusals are kept with their reasons; beyond that they are only counted.
MAX_TOLD = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One record that could not be read."""

    line: int
    code: str
    message: str


@dataclass(kw_only=True, slots=True)
class Summary:
    """What an import did. ``read`` is the sum of the other four."""

    counts: Counter[Stored] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def read(self) -> int:
        return sum(self.counts.values()) + self.refused

    def refuse(self, line: int, error: RecordError) -> None:
        self.refused += 1
        if len(self.refusals) < MAX_TOLD:
            self.refusals.append(Refusal(line=line, code=error.code, message=str(error)))


class StrictImportError(RecordError):
    """With ``strict``, the first bad record stops the import; what came before it is stored."""


def import_calls(
    database: Database,
    installation: Installation,
    definition: Definition,
    lines: Iterable[Line],
    *,
    strict: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Summary:
    """Store the calls that ``lines`` describe, in chunks, each one transaction.

    Raises:
        StrictImportError: ``strict`` is set and a record is bad.
        DatabaseUnavailableError: chunks stored before it stay stored; importing again is harmless.
    """
    summary = Summary()
    columns = definition.columns()
    chunk: list[Call] = []
    for line in lines:
        try:
            if line.error is not None:
                raise line.error
            chunk.append(
                read_call(
                    line.record or {},
                    definition.mapping,
                    columns=columns,
                    region=installation.region,
                    now=clock(),
                )
            )
        except RecordError as error:
            if strict:
                _store(database, installation, chunk, summary, clock())
                raise StrictImportError(error.code, f"line {line.number}: {error}") from error
            summary.refuse(line.number, error)
        if len(chunk) >= CHUNK:
            _store(database, installation, chunk, summary, clock())
            chunk = []
    _store(database, installation, chunk, summary, clock())
    return summary


def _store(
    database: Database,
    installation: Installation,
    chunk: list[Call],
    summary: Summary,
    now: datetime,
) -> None:
    if chunk:
        with database.write() as connection:
            summary.counts.update(calls.store(connection, installation.project_id, chunk, now))
