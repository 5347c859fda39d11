"""Reads one record of a file, a webhook or a database into a call, by the definition's mapping."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from collector.domain import identifiers, values
from collector.domain.call import OWN, Call
from collector.domain.callers import CallerHash
from collector.domain.conditions import all_hold
from collector.domain.definition import CallMapping, Definition
from collector.domain.identifiers import MAX_KEY_LENGTH, SESSION_KEY
from collector.domain.numbers import spell_number
from collector.domain.records import Cell, Record, cell, held
from collector.domain.span import check_time, named, span_of, time_in
from collector.domain.times import zone_named
from collector.errors import RecordError

MAX_CALL_ID = 100

#: The attribute that holds the caller's number in the clear, where a field asks for it.
CALLER = "call.caller"
#: The attribute that holds the time zone that the record itself names, for times made from it.
ZONE = "call.zone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One record that could not be read. ``number`` is its line, or its place among others.

    ``record`` is what came, so that it can be mended and handed in again: JSON, or the line
    itself where it was not even that.
    """

    number: int
    call_id: str | None
    code: str
    message: str
    record: str


@dataclass(kw_only=True, slots=True)
class Readings:
    """What came of several records. Those that describe no call are passed over."""

    calls: list[Call] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CallReader:
    """Reads records of one source for one installation.

    ``columns`` are those to keep as attributes, ``region`` is the country of phone numbers in
    national form. Without ``caller_hash`` nothing is kept of callers' numbers, except in the
    clear with ``keep_caller``, where a field asks for them.
    """

    mapping: CallMapping
    columns: Collection[str] = ()
    region: str | None = None
    source: str = OWN
    caller_hash: CallerHash | None = None
    keep_caller: bool = False

    @classmethod
    def of(
        cls,
        definition: Definition,
        preset: str | None,
        *,
        region: str | None,
        caller_hash: CallerHash | None,
    ) -> CallReader:
        """The reader of a preset's records, or of the definition's own."""
        return cls(
            mapping=definition.mapping_of(preset),
            columns=definition.columns(),
            region=region,
            source=definition.source_of(preset),
            caller_hash=caller_hash,
            keep_caller="caller" in definition.call_parts(),
        )

    def read_all(self, records: Iterable[tuple[int, object]], now: datetime) -> Readings:
        """Read numbered records; a bad one costs nothing but itself."""
        found = Readings()
        for number, record in records:
            try:
                call = self.read(_object(record), now)
            except RecordError as error:
                found.refusals.append(self.refusal(number, record, error))
            else:
                if call is None:
                    found.passed_over += 1
                else:
                    found.calls.append(call)
        return found

    def refusal(self, number: int, record: object, error: RecordError) -> Refusal:
        """What is told and kept of a record that could not be read; text is kept as it is."""
        try:
            came = record if isinstance(record, str) else _as_json(record)
        except RecursionError:
            came = "nested too deeply to be kept"
        return Refusal(
            number=number,
            call_id=self._call_id(record),
            code=error.code,
            message=str(error),
            record=came.encode(errors="backslashreplace").decode(),
        )

    def read(self, record: Record, now: datetime) -> Call | None:
        """The call that ``record`` describes; None if the definition says that it is none.

        Args:
            record: column names to values; text as CSV has it, or any JSON scalar.

        Raises:
            RecordError: names the column, what it holds and what was expected.
        """
        mapping = self.mapping
        if mapping.only and all_hold(record, mapping.only, mapping.decimal) is False:
            return None
        call_id = self._required_id(record)
        zone_cell = cell(record, mapping.zone_column) if mapping.zone_column else None
        zone = _zone(zone_cell) if zone_cell else mapping.zone
        started, ended = span_of(record, mapping, zone, now)
        updated = time_in(record, mapping.updated, mapping, zone)
        if updated:  # one in the future would win over every true change to come
            check_time(updated, "impossible_update", now)
        number = self._caller(record)
        attributes = held(record, self.columns)
        if number and self.keep_caller:
            attributes[CALLER] = number
        if zone_cell:
            attributes[ZONE] = zone_cell.text
        hashed = self.caller_hash if number else None
        return Call(
            call_id=call_id,
            started_at=started,
            ended_at=ended,
            updated_at=updated.time if updated else None,
            keys=self._keys(record),
            attributes=attributes,
            answered=self._answered(record),
            value=self._value(record),
            caller=hashed(number) if hashed and number else None,
            caller_key=hashed.key_id if hashed else None,
            older_callers=_by_older_keys(hashed, number),
            source=self.source,
        )

    def _required_id(self, record: Record) -> str:
        found = cell(record, self.mapping.id)
        if found is None:
            raise RecordError(
                "no_call_id", f"{named(self.mapping.id)}, the call's id, is empty or absent"
            )
        if len(found.text) > MAX_CALL_ID:
            raise RecordError(
                "call_id_too_long",
                f"column {found.column!r} has more than {MAX_CALL_ID} characters",
            )
        _check_whole(found)
        return found.text

    def _value(self, record: Record) -> float | None:
        found = cell(record, self.mapping.value)
        if found is None:
            return None
        try:
            return float(values.parse_number(found.text, found.sign(self.mapping.decimal)))
        except ValueError as error:
            raise RecordError("bad_value", f"column {found.column!r}: {error}") from None

    def _answered(self, record: Record) -> bool | None:
        mapping = self.mapping
        return all_hold(record, mapping.answered, mapping.decimal) if mapping.answered else None

    def _caller(self, record: Record) -> str | None:
        if self.caller_hash is None and not self.keep_caller:
            return None
        found = cell(record, self.mapping.caller)
        if found is None:
            return None
        return spell_number(found.text, self.region) or None

    def _keys(self, record: Record) -> dict[str, str]:
        keys = {}
        for kind, columns in self.mapping.keys.items():
            found = cell(record, columns)
            if found is None:
                continue
            _check_whole(found)
            if identifiers.says_nothing(found.text):
                continue
            value = identifiers.normalise_key(kind, found.text, self.region)
            if not value:
                continue
            if len(value) > MAX_KEY_LENGTH:
                raise RecordError(
                    "key_too_long",
                    f"column {found.column!r} has more than {MAX_KEY_LENGTH} characters",
                )
            if kind == SESSION_KEY:
                try:
                    value = identifiers.parse_session_key(value).session_key
                except ValueError as error:
                    raise RecordError(
                        "bad_session_key", f"column {found.column!r}: {error}"
                    ) from None
            keys[kind] = value
        return keys

    def _call_id(self, record: object) -> str | None:
        """The id of a record that could not be read, as far as it can be told."""
        if not isinstance(record, Mapping):
            return None
        try:
            found = cell(record, self.mapping.id)
        except RecordError:
            return None
        return found.text[:MAX_CALL_ID] if found else None


def _check_whole(found: Cell) -> None:
    """See that a spreadsheet has not rounded what tells one call or visitor from another.

    Raises:
        RecordError: it has.
    """
    if values.is_shortened(found.text):
        raise RecordError(
            "shortened_number",
            f"column {found.column!r} is {found.text!r}, as spreadsheets shorten numbers, so that "
            "digits are lost: format it as text before it is saved",
        )


def _by_older_keys(hashed: CallerHash | None, number: str | None) -> tuple[str, ...]:
    if hashed is None or number is None or not hashed.older:
        return ()
    return tuple(older(number) for older in hashed.older)


def _zone(found: Cell) -> tzinfo:
    try:
        return zone_named(found.text)
    except ValueError as error:
        raise RecordError("bad_zone", f"column {found.column!r}: {error}") from None


def _as_json(record: object) -> str:
    return json.dumps(record, ensure_ascii=False, default=str)


def _object(record: object) -> Record:
    if not isinstance(record, Mapping):
        raise RecordError("not_an_object", "a call record is a JSON object")
    return record
