"""Turns the bytes of a file into text and lines, and keeps what is no text recognisable.

Bytes that the encoding does not know become characters that no text has, so that the record they
stand in can be refused, and no other.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from collector.errors import RecordError, UsageError
from collector.sources.lines import MAX_RECORD, SHOWN_OF_TOO_LONG, too_long
from collector.sources.opening import Unpacked

UTF_8 = "utf-8"

#: The code of a record that has bytes which are no text.
NOT_TEXT = "not_text"

#: In this order: the mark of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Where the characters that stand for bytes begin: lone surrogates, which no text can hold.
_BYTE = 0xDC00
_BYTES = re.compile("[\udc00-\udcff]")
_ERRORS = "collector.no_text"


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(_BYTE + byte) for byte in wrong), error.end


codecs.register_error(_ERRORS, _stand_in)


class Piece(NamedTuple):
    """A piece of text; ``marked`` if some of its bytes are no text."""

    text: str
    marked: bool


class LineBlock(NamedTuple):
    """Physical lines with their ends, and what is wrong with some of them, by their index."""

    lines: list[str]
    problems: dict[int, RecordError]


class Decoded:
    """The text of one file; ``encoding`` is the named one, unless a byte order mark tells."""

    def __init__(self, source: Unpacked, named: str | None) -> None:
        self.name = source.name
        self._source = source
        self._blocks = source.blocks()
        self._first = next(self._blocks, b"")
        told = (name for mark, name in _MARKS if self._first.startswith(mark))
        self.encoding = next(told, named or UTF_8)
        self._pieces = self._decoded()
        self.head = next(self._pieces, Piece("", marked=False)).text

    def cut(self) -> RecordError | None:
        """Why the text ends before its end, once it has ended."""
        if self._source.damage is None:
            return None
        return RecordError(
            "cut_short",
            f"is where the compressed file breaks off ({self._source.damage}); what stands before "
            "it was read. Fetch the file again and import it whole",
        )

    def pieces(self) -> Iterator[Piece]:
        """The whole text, in pieces."""
        yield Piece(self.head, _is_marked(self.head))
        yield from self._pieces

    def lines(self) -> Iterator[LineBlock]:
        """The whole text as physical lines; a line too long to be a record comes shortened."""
        rest, rest_marked, skipping = "", False, False
        old_mac = "\r" in self.head and "\n" not in self.head
        for text, marked in self.pieces():
            if old_mac:
                text = text.replace("\r", "\n")
            if skipping:
                _, skipping_ends, text = text.partition("\n")
                skipping = not skipping_ends
            lines = io.StringIO(rest + text).readlines()
            rest = "" if not lines or lines[-1].endswith("\n") else lines.pop()
            yield self._checked(lines, marked=marked or rest_marked)
            rest_marked = marked or (rest_marked and not lines)
            if len(rest) > MAX_RECORD:
                yield LineBlock([rest[:SHOWN_OF_TOO_LONG] + "\n"], {0: too_long()})
                rest, skipping = "", True
        if cut := self.cut():
            yield LineBlock([rest], {0: cut})
        elif rest:
            yield self._checked([rest], marked=True)

    def problem(self, text: str) -> RecordError | None:
        """What is wrong with a text, if some of its bytes are none."""
        found = _BYTES.search(text)
        if found is None:
            return None
        others = ("cp1252", "utf-16") if self.encoding == UTF_8 else ("NAME",)
        ways = " or ".join(f"--encoding {other}" for other in others)
        return RecordError(
            NOT_TEXT,
            f"is not {self.encoding}: byte 0x{ord(found.group()) - _BYTE:02x} at character "
            f"{found.start() + 1}. If the whole file is written otherwise, say so: {ways}",
        )

    def _checked(self, lines: list[str], *, marked: bool) -> LineBlock:
        problems: dict[int, RecordError] = {}
        if lines and len(lines[0]) > MAX_RECORD:  # only the first is longer than a block
            lines[0] = lines[0][:SHOWN_OF_TOO_LONG] + "\n"
            problems[0] = too_long()
        if marked:
            for index, line in enumerate(lines):
                if problem := None if line.isascii() else self.problem(line):
                    problems.setdefault(index, problem)
        return LineBlock(lines, problems)

    def _decoded(self) -> Iterator[Piece]:
        try:
            decoder = codecs.getincrementaldecoder(self.encoding)(_ERRORS)
            first = decoder.decode(self._first).removeprefix("\ufeff")
            yield Piece(first, _is_marked(first))
            for block in self._blocks:
                text = decoder.decode(block)
                yield Piece(text, _is_marked(text))
            if text := decoder.decode(b"", final=True):
                yield Piece(text, _is_marked(text))
        except (UnicodeError, LookupError) as error:
            raise UsageError(f"{self.name} cannot be read as {self.encoding}: {error}") from error


def is_encoding(name: str) -> bool:
    """Whether files can be written in an encoding of this name."""
    sample = "id;at\n"
    try:
        return sample.encode(name).decode(name) == sample
    except (LookupError, ValueError):
        return False


def bytes_as_escapes(text: str) -> str:
    """A text in which bytes that are none are written out, to be shown."""
    return _BYTES.sub(lambda found: f"\\x{ord(found.group()) - _BYTE:02x}", text)


def _is_marked(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
