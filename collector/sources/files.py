"""Reads call records from files, one at a time, never the whole file.

A record that cannot be read is handed on with its reason; it never stops the good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from collector.domain.definition import CallMapping, FileFormat
from collector.sources import forms
from collector.sources.csv_records import csv_records
from collector.sources.decoding import Decoded
from collector.sources.forms import Form
from collector.sources.json_records import json_document, json_lines
from collector.sources.lines import Line
from collector.sources.opening import Unpacked, name_of, opened

__all__ = ["Form", "Line", "read_lines"]


def read_lines(
    path: Path,
    on_bytes: Callable[[int], None] | None = None,
    *,
    mapping: CallMapping | None = None,
    written: FileFormat | None = None,
    form: Form | None = None,
) -> Iterator[Line]:
    """The records of a file: CSV with a header, JSON Lines, or a JSON document; or gzip of these.

    Args:
        path: ``-`` is standard input.
        on_bytes: told how many bytes of the file each step has read, for a progress bar.
        mapping: by which the records will be read; a CSV file must have its columns.
        written: what is known of how the file is written; the rest is told from the file.
        form: None: told from the file.

    Raises:
        UsageError: the file cannot be read, or is not one of call records at all.
    """
    written = written or FileFormat()
    with opened(path) as stream:
        text = Decoded(Unpacked(stream, name_of(path), on_bytes), written.encoding)
        name = path.name.lower().removesuffix(".gz")
        match form or forms.told_by(name, text.head, mapping):
            case Form.JSON_LINES:
                yield from json_lines(text)
            case Form.JSON:
                yield from json_document(text, mapping)
            case Form.CSV:
                yield from csv_records(text, written, mapping)
