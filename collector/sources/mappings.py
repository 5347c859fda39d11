"""Makes mappings of call records from what a definition or a preset says about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import combinations
from typing import Any

from collector.domain import identifiers
from collector.domain.definition import (
    CallMapping,
    Columns,
    Condition,
    Definition,
    Preset,
    Signature,
)
from collector.domain.times import zone_named
from collector.sources import presets
from collector.sources.call_shapes import CallsShape

UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
}

#: A day after the 12th and an hour after noon, so that no two parts of it can be confused.
_TRIAL = datetime(2026, 3, 31, 14, 5, 42, tzinfo=UTC)

_LETTER_Z = re.compile(r"%[HIMSfp]Z$")

#: No two parts of it are alike, and each could be taken for another one.
_EITHER = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def adapted(name: str, table: Mapping[str, Any], place: str, problems: list[str]) -> Preset:
    """A preset, with what ``table`` says in the place of what its file says.

    Match keys are replaced one by one, everything else as a whole; what is empty falls away.
    """
    standard: dict[str, Any] = CallsShape().load(presets.table(name))
    merged = {**standard, **table, "keys": {**standard["keys"], **table.get("keys", {})}}
    return Preset(
        name=name,
        mapping=mapping(merged, place, problems),
        signature=_signature(merged["webhook"]),
        query=merged["webhook"].get("query", False),
    )


def standard(name: str) -> Preset:
    """A preset as it comes."""
    return adapted(name, {}, f"presets.{name}", [])


def adapted_presets(definition: Definition) -> list[str]:
    """The presets that a definition reads otherwise than they come."""
    return [name for name in presets.NAMES if definition.presets[name] != standard(name)]


def as_table(preset: Preset) -> dict[str, object]:
    """What ``[calls]`` would say, were there no preset. Empty parts are left out."""
    read = preset.mapping
    table: dict[str, object] = {
        "id": read.id,
        "started": read.started,
        "ended": read.ended,
        "duration": read.duration,
        "duration_unit": next(name for name, unit in UNITS.items() if unit == read.duration_unit),
        "updated": read.updated,
        "caller": read.caller,
        "value": read.value,
        "timezone": str(read.zone),
        "timezone_column": read.zone_column,
        "time_formats": read.time_formats,
        "decimal": read.decimal,
        "keys": dict(read.keys),
        "only": [_condition_table(condition) for condition in read.only],
        "answered": [_condition_table(condition) for condition in read.answered],
        "webhook": _webhook_table(preset),
    }
    return {name: said for name, said in table.items() if said}


def _condition_table(condition: Condition) -> dict[str, object]:
    table: dict[str, object] = {"column": condition.columns}
    if condition.above is not None:
        return {**table, "above": float(condition.above)}
    if condition.excluded:
        return {**table, "not": sorted(condition.excluded)}
    return {**table, "is": sorted(condition.values)}


def _webhook_table(preset: Preset) -> dict[str, object]:
    if preset.signature is None:
        return {"signature": "none", "query": preset.query}
    told = asdict(preset.signature)
    return {"signature": told.pop("scheme"), **told, "query": preset.query}


def mapping(table: Mapping[str, Any], place: str, problems: list[str]) -> CallMapping:
    """The mapping of a table that stands at ``place`` in the definition."""

    def columns(name: str) -> Columns:
        return tuple(table.get(name, ()))

    if not columns("started") and not (columns("ended") and columns("duration")):
        problems.append(
            f"[{place}] does not say when a call started: name 'started', or 'ended' and 'duration'"
        )
    time_formats = tuple(table.get("time_formats", ()))
    problems += [f"[{place}] time_formats: {told}" for told in _mistakes_of(time_formats)]
    zone = _zone(table.get("timezone", "UTC"), place, problems)
    return CallMapping(
        id=columns("id"),
        started=columns("started"),
        ended=columns("ended"),
        duration=columns("duration"),
        duration_unit=UNITS[table.get("duration_unit", "s")],
        updated=columns("updated"),
        keys=_keys(table, place, problems),
        caller=columns("caller"),
        value=columns("value"),
        answered=_conditions(table, "answered"),
        only=_conditions(table, "only"),
        zone=zone,
        zone_column=columns("timezone_column"),
        time_formats=time_formats,
        decimal=table.get("decimal", "."),
    )


def _mistakes_of(time_formats: Sequence[str]) -> Iterator[str]:
    for form in time_formats:
        if reason := time_format_problem(form):
            yield f"{form!r} {reason}"
        elif _LETTER_Z.search(form):
            yield f"{form!r} takes the Z for a letter and not for UTC; write %z in its place"
    for first, later in combinations(time_formats, 2):
        if _misreads(first, later):
            yield (
                f"{first!r} would read a time written as {later!r} as another one; keep one of the "
                "two, or change their order if that is enough"
            )


def time_format_problem(form: str, *, date_alone: bool = False) -> str | None:
    """Why a form of ``strptime`` cannot read a date, and its hour if need be, tried with one."""
    try:
        read = datetime.strptime(_TRIAL.strftime(form), form)  # noqa: DTZ007 - compared as a wall
    except (ValueError, re.error) as error:  # the latter for a directive that occurs twice
        return f"is no form that strptime knows: {error}"
    if read.date() != _TRIAL.date():
        return "does not tell the date"
    if read.hour != _TRIAL.hour and not date_alone:
        return "does not tell the hour"
    return None


def _misreads(first: str, later: str) -> bool:
    """Whether a form, tried first, takes what the later one has written for another time."""
    try:
        written = _EITHER.strftime(later)
        meant = datetime.strptime(written, later)  # noqa: DTZ007 - compared as a wall
        return datetime.strptime(written, first).replace(tzinfo=None) != meant.replace(tzinfo=None)  # noqa: DTZ007
    except (ValueError, re.error):  # it leaves the text to the later one
        return False


def _zone(name: str, place: str, problems: list[str]) -> tzinfo:
    try:
        return zone_named(name)
    except ValueError:
        problems.append(f"[{place}] timezone {name!r} is unknown; write one such as Europe/Paris")
        return UTC


def _keys(table: Mapping[str, Any], place: str, problems: list[str]) -> dict[str, Columns]:
    keys = {kind: tuple(columns) for kind, columns in table.get("keys", {}).items() if columns}
    callers = set(table.get("caller", ()))
    for kind, columns in keys.items():
        if not identifiers.is_kind(kind):
            problems.append(
                f"[{place}.keys] {kind!r} is no kind of match key: lower case letters, digits and _"
            )
        problems += [
            f"[{place}.keys] {kind!r} is the caller's column {column!r}: the caller's number "
            "would be stored in the clear, and no page knows it"
            for column in columns
            if column in callers
        ]
    if not keys:
        problems.append(f"[{place}.keys] is empty: without a match key no call can meet a session")
    return keys


def _conditions(table: Mapping[str, Any], name: str) -> tuple[Condition, ...]:
    return tuple(Condition(**condition) for condition in table.get(name, ()))


def _signature(table: Mapping[str, Any]) -> Signature | None:
    if table["signature"] == "none":
        return None
    given = {name: said for name, said in table.items() if name not in {"signature", "query"}}
    return Signature(scheme=table["signature"], **{"header": "X-Twilio-Signature", **given})
