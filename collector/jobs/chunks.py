"""Reads the records of a file in chunks, each made ready to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from collector.domain.reading import CallReader, Readings
from collector.errors import RecordError
from collector.sources.lines import Line
from collector.storage.preparing import Prepared, prepare


class StrictImportError(RecordError):
    """With ``strict``, the first bad record stops the import; what came before it is stored."""


class Chunk(NamedTuple):
    """What came of some records; ``unit`` is what the numbers of the refusals count."""

    unit: str
    read: Prepared


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkReader:
    """Reads ``size`` records at a time, for a database of ``dialect``."""

    reader: CallReader
    dialect: str
    size: int
    strict: bool = False

    def chunks(self, lines: Iterable[Line], clock: Callable[[], datetime]) -> Iterator[Chunk]:
        """What came of ``lines``, in order.

        Raises:
            StrictImportError: after the chunk of what came before the bad record.
        """
        remaining = iter(lines)
        while some := list(islice(remaining, self.size)):
            readings = Readings()
            bad = self._read(some, readings, clock())
            yield Chunk(some[0].unit, prepare(readings, self.dialect))
            if bad is not None:
                raise bad

    def _read(
        self, lines: Iterable[Line], readings: Readings, now: datetime
    ) -> StrictImportError | None:
        for line in lines:
            try:
                if line.error is not None:
                    raise line.error
                call = self.reader.read(line.record or {}, now)
            except RecordError as error:
                if self.strict:
                    return StrictImportError(error.code, f"{line.unit} {line.number}: {error}")
                came = line.text if line.record is None else line.record
                readings.refusals.append(self.reader.refusal(line.number, came, error))
            else:
                if call is None:
                    readings.passed_over += 1
                else:
                    readings.calls.append(call)
        return None
