"""What the readers of files hand on: one record with its place, or why there is none."""

from __future__ import annotations

from typing import NamedTuple

from collector.errors import RecordError

#: One record longer than this, in characters, is none; reading it whole would fill the memory.
MAX_RECORD = 1_000_000

#: So much of a line that is too long is handed on as its text.
SHOWN_OF_TOO_LONG = 20_000


class Line(NamedTuple):
    """One record with its place in the file, or why it cannot be read.

    ``text`` is what stands in the file where a record could not be read, so that it can be kept.
    ``record`` may stand beside ``error``, where one could be made of it all the same.
    A tuple, because a million of them are made for one file, and a dataclass takes three times
    as long.
    """

    number: int
    record: dict[str, object] | None = None
    error: RecordError | None = None
    text: str = ""
    unit: str = "line"  #: what ``number`` counts: a file that is one JSON document has records


def too_long() -> RecordError:
    """Why a record that would fill the memory is refused."""
    return RecordError("line_too_long", f"is longer than {MAX_RECORD} characters")
