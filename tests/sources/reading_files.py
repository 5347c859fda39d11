"""Reads a file of the given content as the import does."""

from __future__ import annotations

from pathlib import Path

from collector.domain.definition import CallMapping, FileFormat
from collector.sources import files
from collector.sources.files import Form, Line

#: By it a record has an id and a start.
MAPPING = CallMapping(id=("id",), started=("at",))


def lines_of(
    tmp_path: Path,
    content: str | bytes,
    name: str = "calls.csv",
    *,
    mapping: CallMapping | None = None,
    form: Form | None = None,
    **written: str,
) -> list[Line]:
    """The lines of a file with this content and name."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(files.read_lines(path, mapping=mapping, form=form, written=FileFormat(**written)))


def read(
    tmp_path: Path, content: str | bytes, name: str = "calls.csv", **options: str
) -> list[tuple[int, object]]:
    """The place of each line, with its record or the code of its error."""
    return [
        (line.number, line.record if line.error is None else line.error.code)
        for line in lines_of(tmp_path, content, name, **options)  # type: ignore[arg-type]
    ]
