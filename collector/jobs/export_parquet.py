"""Rows of a view as Parquet. pyarrow, an extra, is loaded with this module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from collector.jobs.export_forms import document
from collector.storage.comments import Column

#: Rows of one group; readers skip and share out whole groups.
GROUP = 100_000

_TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "moment": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "json": pa.string(),
}


class ParquetForm:
    """Typed columns: moments are UTC in microseconds, days are dates, JSON is text."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
        self._writer = pq.ParquetWriter(_Sink(stream), self._schema, compression="zstd")
        self._gathered: list[Any] = []

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        arrays = [
            pa.array(
                [value if value is None else document(value) for value in values]
                if column.type == "json"
                else values,
                _TYPES[column.type],
            )
            for column, values in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]
        self._gathered.append(pa.record_batch(arrays, schema=self._schema))
        if sum(len(batch) for batch in self._gathered) >= GROUP:
            self._write_group()

    def close(self) -> None:
        if self._gathered:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._gathered))
        self._gathered = []


class _Sink:
    """Counts what was written, since a pipe does not know; leaves the stream open."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written = 0

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None: ...
