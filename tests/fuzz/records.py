"""Call records of any bytes: files, and the webhooks of every preset.

An input is bytes: the first chooses the way in, the second the preset, the rest is what comes.
Whatever it is, it becomes calls that can be stored, or is refused with a sentence.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from hypothesis import strategies as st

from collector.config import Settings
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition
from collector.domain.identifiers import MAX_KEY_LENGTH
from collector.domain.reading import MAX_CALL_ID, CallReader, Readings
from collector.errors import UsageError
from collector.sources import definition, files
from collector.sources.files import Form
from collector.storage.secrets import generate_key
from collector.web import create_app
from tests.fuzz.beacon import mangled
from tests.fuzz.server import DEFINITION, PROJECT, folder, prepare

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

#: The ways in: a file whose form is told, or not, packed or not; and the two kinds of body.
FILES = tuple((form, packed) for form in (None, *Form) for packed in (False, True))
WAYS = (*FILES, JSON, FORM)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

#: The provider's own form, beside the presets.
OWN = Path(__file__).parents[2] / "examples" / "phone-calls" / "integration.toml"


class Records:
    """All ways in, in one process; webhooks are stored in a real database."""

    def __init__(self) -> None:
        self._folder = folder()
        url, token = prepare(Path(self._folder.name))
        key = generate_key()
        app = create_app(Settings(database_url=url, integration=str(DEFINITION), secret_key=(key,)))
        self._state = app.extensions["collector"]
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._readers = _readers(CallerHash.of(key))

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._state.close()
        self._folder.cleanup()

    def try_one(self, data: bytes) -> None:
        """Raises whatever the product raises and must not; AssertionError if it is wrong."""
        first, second, content = *(*data[:2], 0, 0)[:2], data[2:]
        way = WAYS[first % len(WAYS)]
        if isinstance(way, tuple):
            form, packed = way
            self._file(content, form, packed, self._readers[second % len(self._readers)])
        else:
            presets = [reader.source for reader in self._readers[1:]]
            self._webhook(content, way, presets[second % len(presets)])

    def _file(self, content: bytes, form: Form | None, packed: bool, reader: CallReader) -> None:
        with _standard_input(gzip.compress(content, 1) if packed else content):
            lines = files.read_lines(Path("-"), mapping=reader.mapping, form=form)
            try:
                for line in lines:
                    if line.error is not None:
                        refusal = reader.refusal(line.number, line.record or line.text, line.error)
                        _check(Readings(refusals=[refusal]))
                    else:
                        _check(reader.read_all([(line.number, line.record)], NOW))
            except UsageError as error:
                told = str(error)
            else:
                return
        assert len(told) < 1000, "one sentence"

    def _webhook(self, content: bytes, media: str, preset: str) -> None:
        answer = self._client.post(
            f"/v1/calls/{preset}/{PROJECT}",
            data=content,
            headers={**self._headers, "Content-Type": media},
        )
        assert answer.status_code < 500, answer.text


def _readers(caller_hash: CallerHash) -> list[CallReader]:
    platforms = definition.read(DEFINITION)
    own = definition.read(OWN)
    asked: list[tuple[Definition, str | None]] = [(own, None)]
    asked += [(platforms, preset) for preset in sorted(platforms.presets)]
    return [
        CallReader.of(found, preset, region="FR", caller_hash=caller_hash)
        for found, preset in asked
    ]


@contextmanager
def _standard_input(content: bytes) -> Iterator[None]:
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(content))):
        yield


def _check(readings: Readings) -> None:
    """See that both databases can store it."""
    for call in readings.calls:
        assert 0 < len(call.call_id) <= MAX_CALL_ID
        assert all(0 < len(value) <= MAX_KEY_LENGTH for value in call.keys.values())
        assert call.started_at.tzinfo is not None
        told = [call.call_id, *call.keys.values(), *call.attributes.values()]
        for text in told:
            if isinstance(text, str):
                assert "\0" not in text
                text.encode()
        json.dumps([call.value, dict(call.attributes)], allow_nan=False)
    for refusal in readings.refusals:
        assert refusal.code
        assert 0 < len(refusal.message) < 1000
        refusal.record.encode()


def _columns() -> list[str]:
    """What the presets and the example look at."""
    found: set[str] = set()
    for reader in _readers(CallerHash.of("x" * 32)):
        mapping = reader.mapping
        parts = [mapping.id, mapping.started, mapping.ended, mapping.duration, mapping.updated]
        parts += [mapping.caller, mapping.value, mapping.zone_column, *mapping.keys.values()]
        found.update(column for part in parts for column in part)
    return sorted(found)


COLUMNS = _columns()

_ODD = st.sampled_from(
    [
        *("", " ", "0", "-1", "75", "1:15", "1e400", "1e999999999", "9" * 5000, "1.234,56", "=1+1"),
        *("2026-02-28T14:05:00Z", "2026-02-28 14:05", "02/28/2026 2:05 PM", "1772287500", "1e18"),
        *("Sat, 28 Feb 2026 14:05:00 +0000", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"),
        *("Europe/Paris", "+25:00", "../../etc/passwd", "UTC\0", "completed", "no-answer", "true"),
        *("+33 1 99 00 12 34", "01 99 00 12 34", "tel:" * 40, "sip:0199001234@x", "anonymous"),
        *("u.1", "u." + "9" * 30, "\x1b[2J", "a\r\nb", "\0", "\ud800", "'; DROP TABLE call; --"),
        *(None, True, 0, -1, 10**400, 1e308, 5e-324, [], {}, [1], {"a": {"b": 1}}, float("nan")),
        *("x" * 101, "x" * 2001, "1.2E+10", "\u0661\u0662", "12 €", "€12,5", "(" * 200),
    ]
)
_VALUES = _ODD | st.text(max_size=30) | st.integers() | st.floats()
_RECORDS = st.lists(
    st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=6), _VALUES, max_size=10)
    | st.builds(
        lambda ids, more: {**dict.fromkeys(("call_id", "CallSid", "id"), ids), **more},
        st.text(min_size=1, max_size=5),
        st.dictionaries(st.sampled_from(COLUMNS), _VALUES, max_size=10),
    ),
    max_size=4,
)


def _written(records: list[dict[str, Any]], how: int) -> bytes:
    """Records as a file or a body; surrogates and numbers that are none stay what they are."""
    match how % 4:
        case 0:
            return json.dumps(records).encode()
        case 1:
            return "\n".join(map(json.dumps, records)).encode()
        case 2:
            one = records[0] if records else {}
            return urlencode(
                {name.encode(errors="replace"): str(value).encode(errors="surrogatepass")
                 for name, value in one.items()}
            ).encode()  # fmt: skip
        case _:
            stream = io.StringIO()
            names = sorted({name for record in records for name in record}) or ["id"]
            writer = csv.writer(stream, delimiter=",;\t|"[how // 4], escapechar="\\")
            writer.writerow(names)
            writer.writerows([[record.get(name) for name in names] for record in records])
            return stream.getvalue().encode(errors="surrogatepass")


#: Bytes in the form of an input.
INPUTS = st.builds(
    lambda way, preset, content: bytes([way, preset]) + content,
    st.integers(0, len(WAYS) - 1),
    st.integers(0, 5),
    mangled(st.builds(_written, _RECORDS, st.integers(0, 15))) | st.binary(max_size=200),
)
