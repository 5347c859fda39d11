"""Reads the records of JSON Lines, and of a JSON document that holds them in an array.

A document is read one element at a time, by the parser of the standard library: so a number or
an escape is the same here as in JSON Lines, and as much is in memory as one element takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import JSONDecoder

from collector.domain.definition import CallMapping, Columns
from collector.domain.records import has
from collector.errors import RecordError, UsageError
from collector.sources.decoding import Decoded, Piece
from collector.sources.lines import MAX_RECORD, Line, too_long
from collector.sources.opening import BLOCK

#: No record is nested deeper; a program that shows one would run out of its stack.
MAX_DEPTH = 50

#: Not strict: a tab within a text that nobody escaped leaves no doubt.
_DECODER = JSONDecoder(strict=False)

_BLANK = re.compile(r"[ \t\r\n]*")
_FIRST = re.compile(r"\[\s*(\S)")


def json_lines(text: Decoded) -> Iterator[Line]:
    """One record for each line."""
    number = 0
    for lines, problems in text.lines():
        for index, line in enumerate(lines):
            number += 1
            problem = problems.get(index) if problems else None
            if problem is None and not line.strip():
                continue
            try:
                if problem is not None:
                    raise problem
                yield Line(number, _record(_DECODER.decode(line), line))
            except RecordError as error:
                yield Line(number, None, error, line.rstrip("\r\n"))
            except (ValueError, RecursionError) as error:
                yield Line(number, None, _not_json(error), line.rstrip("\r\n"))


def json_document(text: Decoded, mapping: CallMapping | None) -> Iterator[Line]:
    """The records of an array, or of an object's first array of objects; or the object itself.

    What follows the document is read as another one: pages are fetched one after the other.
    After a syntax error nobody knows where the next record begins, so reading ends with it.

    Args:
        mapping: an object with its id is a record, whatever arrays it holds.

    Raises:
        UsageError: there is nothing in it.
    """
    document = _Document(text.pieces())
    if not document.peek():
        raise UsageError(f"{text.name} is empty")
    place = 0
    try:
        while document.peek():
            for value, came in document.records(mapping):
                place += 1
                yield _line(text, place, value, came, marked=document.marked)
    except RecordError as error:
        yield Line(
            place + 1,
            None,
            text.cut() or RecordError(error.code, f"{error}; {_read_so_far(place)}"),
            document.ahead(),
            "record",
        )
    else:
        if cut := text.cut():
            yield Line(place + 1, None, cut, "", "record")


def _line(text: Decoded, place: int, value: object, came: str, *, marked: bool) -> Line:
    try:
        record = _record(value, came)
    except RecordError as error:
        return Line(place, None, error, came, "record")
    problem = text.problem(came) if marked else None
    return Line(place, record, problem, came if problem else "", "record")


def _read_so_far(place: int) -> str:
    return f"reading ended there, after {place} record{'' if place == 1 else 's'}"


def _record(value: object, text: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RecordError("not_an_object", "is JSON, but not an object with columns")
    # Counting signs is quick, and hardly any record has so many.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise RecordError("too_deep", f"is nested deeper than {MAX_DEPTH} levels")
    return value


def _depth_exceeds(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_depth_exceeds(item, depth - 1) for item in inside)


def _not_json(error: Exception) -> RecordError:
    if isinstance(error, json.JSONDecodeError):
        return RecordError(
            "not_json", f"is not JSON: {_lower(error.msg)}, character {error.pos + 1}"
        )
    return RecordError("not_json", "is not JSON: it is nested too deep, or a number is too long")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


class _Document:
    """Decodes one value after the other from text that comes in pieces."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self.marked = False  # whether any bytes so far are no text
        self._pieces = pieces
        self._text = ""
        self._at = 0
        self._decode = _DECODER.raw_decode

    def records(self, mapping: CallMapping | None) -> Iterator[tuple[object, str]]:
        """The records of the next document, each with its text.

        Raises:
            RecordError: it is not JSON from here on.
        """
        if self.peek() == "[":
            yield from self._elements()
            return
        if self.peek() != "{":
            yield self._value()
            return
        whole = self._whole()
        if whole is not None and not is_page(whole[0], mapping):
            self._at += len(whole[1])
            yield whole
            return
        yield from self._inside(mapping)

    def peek(self) -> str:
        """The next character that is no blank; nothing at the end."""
        while True:
            found = _BLANK.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def ahead(self) -> str:
        """The text at which reading has ended, as much as is worth keeping."""
        return self._text[self._at : self._at + 1000]

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._text = self._text[self._at :] + piece.text
        self._at = 0
        self.marked |= piece.marked
        return True

    def _inside(self, mapping: CallMapping | None) -> Iterator[tuple[object, str]]:
        """The first array of objects in an object; or the object, if there is none."""
        self._take("{")
        others: dict[str, object] = {}
        size = 0
        between = found = False
        while self.peek() != "}":
            if between:
                self._take(",")
            between = True
            name, _ = self._value()
            self._take(":")
            if self.peek() == "[" and not found and self._begins_with_object():
                found, others = True, {}
                yield from self._elements()
                continue
            value, came = self._value()
            if not found:
                others[str(name)] = value
                size += len(came)
            if size > MAX_RECORD:
                raise too_long()
        self._take("}")
        if not found and not is_page(others, mapping):
            yield others, json.dumps(others, ensure_ascii=False)

    def _begins_with_object(self) -> bool:
        while True:
            begins = _FIRST.match(self._text, self._at)
            if begins or len(self._text) - self._at > MAX_RECORD or not self._more():
                return begins is not None and begins.group(1) == "{"

    def _elements(self) -> Iterator[tuple[object, str]]:
        self._take("[")
        between = False
        while self.peek() != "]":
            if between:
                self._take(",")
            between = True
            yield self._value()
        self._take("]")

    def _take(self, sign: str) -> None:
        found = self.peek()
        if found != sign:
            raise RecordError(
                "not_json",
                f"is not JSON: {sign!r} is missing before {self.ahead()[:20]!r}"
                if found
                else "is not JSON: the file ends before it",
            )
        self._at += 1

    def _value(self) -> tuple[object, str]:
        self.peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > MAX_RECORD:
                    raise too_long() from None
                if isinstance(error, RecursionError) or not self._more():
                    raise self._broken(error) from None
            else:
                # A number may go on in the next piece; anything else that ends, has ended.
                complete = end < len(self._text) or not isinstance(value, int | float)
                if complete or not self._more():
                    came, self._at = self._text[self._at : end], end
                    return value, came

    def _broken(self, error: Exception) -> RecordError:
        if not isinstance(error, json.JSONDecodeError):
            return _not_json(error)
        near = self._text[error.pos : error.pos + 20]
        if not near.strip():
            return RecordError("not_json", "is not JSON: the file ends within it")
        return RecordError("not_json", f"is not JSON: {_lower(error.msg)}, near {near!r}")

    def _whole(self) -> tuple[object, str] | None:
        """The object that comes, if it has come whole; nothing is taken."""
        while len(self._text) - self._at < BLOCK and self._more():
            pass
        try:
            value, end = self._decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        return value, self._text[self._at : end]


def is_page(value: object, mapping: CallMapping | None) -> bool:
    """Whether an object is no record but holds some in an array, if only none this time."""
    if not isinstance(value, dict) or (mapping and _tells(value, mapping.id)):
        return False
    arrays = [item for item in value.values() if isinstance(item, list)]
    if any(array and isinstance(array[0], dict) for array in arrays):
        return True
    if mapping and _tells(value, mapping.started + mapping.ended):
        return False  # a record that lacks its id, and has no tags
    return [] in arrays


def _tells(record: dict[str, object], columns: Columns) -> bool:
    return any(has(record, column) for column in columns)
