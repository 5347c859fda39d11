"""Reads the integration definition: a TOML file, with the registered JSON schemas beside it.

Problems are collected rather than told one by one: first all of the file's form, then, once the
form is right, all of its meaning, so that one or two readings are enough to mend it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError

from collector.domain import identifiers
from collector.domain.definition import (
    DEFAULT_RULES,
    CallMapping,
    Definition,
    IntegrationVersion,
    Matching,
    Recipe,
    Rule,
)
from collector.domain.recipes import recipe_problems
from collector.domain.schema import Field, FieldType, Schema
from collector.domain.times import parse_duration
from collector.errors import DefinitionError
from collector.sources.shapes import DefinitionShape, SchemaShape, flattened

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
}


def read(path: Path) -> Definition:
    """The definition in the file ``path``, checked against every documented limit.

    Raises:
        DefinitionError: lists every problem found, each with its place in the file.
    """
    document = _load_toml(path)
    problems: list[str] = []
    try:
        shape: dict[str, Any] = DefinitionShape().load(document)
    except ValidationError as error:
        raise DefinitionError(str(path), flattened(error.messages_dict)) from error
    mapping = _mapping(shape["calls"], problems)
    matching = _matching(shape.get("matching", {}), problems)
    versions = {
        int(number): _version(int(number), table, path.parent, problems)
        for number, table in shape["versions"].items()
    }
    if problems:
        raise DefinitionError(str(path), problems)
    return Definition(name=shape["name"], mapping=mapping, matching=matching, versions=versions)


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        advice = "start from an example (collector integration example DIR) or set "
        raise DefinitionError(
            str(path), [f"there is no such file; {advice}COLLECTOR_INTEGRATION to where it is"]
        ) from None
    except OSError as error:
        raise DefinitionError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError:
        raise DefinitionError(str(path), ["is not UTF-8 text"]) from None
    except (ValueError, RecursionError) as error:  # of TOML, of its integers, of its depth
        raise DefinitionError(str(path), [f"is not valid TOML: {error}"]) from None


def _mapping(table: Mapping[str, Any], problems: list[str]) -> CallMapping:
    if "started" not in table and not {"ended", "duration"} <= table.keys():
        problems.append(
            "[calls] does not say when a call started: name 'started', or 'ended' and 'duration'"
        )
    try:
        zone = ZoneInfo(table["timezone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(
            f"[calls] timezone {table['timezone']!r} is unknown; write one such as Europe/Paris"
        )
        zone = ZoneInfo("UTC")
    keys = table.get("keys", {})
    problems += [
        f"[calls.keys] {kind!r} is no kind of match key: lower case letters, digits and _"
        for kind in keys
        if not identifiers.is_kind(kind)
    ]
    if not keys:
        problems.append("[calls.keys] is empty: without a match key no call can meet a session")
    return CallMapping(
        id=table["id"],
        started=table.get("started", ()),
        ended=table.get("ended", ()),
        duration=table.get("duration", ()),
        duration_unit=_UNITS[table["duration_unit"]],
        updated=table.get("updated", ()),
        caller=table.get("caller", ()),
        value=table.get("value", ()),
        keys=keys,
        zone=zone,
    )


def _matching(table: Mapping[str, Any], problems: list[str]) -> Matching:
    standard = Matching()
    rules = standard.rules
    if "rules" in table:
        rules = tuple(_rule(rule, problems) for rule in table["rules"])
        kinds = [rule.kind for rule in rules]
        if len(set(kinds)) < len(kinds):
            problems.append("[matching] has two rules for one key")
    return Matching(
        rules=rules,
        skew=_duration(table, "skew", standard.skew, problems),
        horizon=_duration(table, "horizon", standard.horizon, problems),
    )


def _rule(table: Mapping[str, Any], problems: list[str]) -> Rule:
    kind = table["key"]
    if not identifiers.is_kind(kind):
        problems.append(f"[[matching.rules]] {kind!r} is no kind of match key")
    standard = next(
        (rule for rule in DEFAULT_RULES if rule.kind == kind),
        Rule(kind=kind, window=timedelta(days=7)),
    )
    return Rule(
        kind=kind,
        window=_duration(table, "window", standard.window, problems),
        shared=table.get("shared", standard.shared),
    )


def _duration(
    table: Mapping[str, Any], name: str, standard: timedelta, problems: list[str]
) -> timedelta:
    if name not in table:
        return standard
    try:
        return parse_duration(table[name])
    except ValueError as error:
        problems.append(f"[matching] {name}: {error}")
        return standard


def _version(
    number: int, table: Mapping[str, Any], folder: Path, problems: list[str]
) -> IntegrationVersion:
    place = f"[versions.{number}]"
    schema = _schema(folder / table["schema"], place, problems)
    recipes = {name: Recipe(**recipe) for name, recipe in table["fields"].items()}
    if schema is not None:
        problems += [f"{place} schema: {problem}" for problem in schema.problems()]
        problems += [f"{place} {problem}" for problem in recipe_problems(schema, recipes)]
    return IntegrationVersion(number=number, schema=schema or Schema(fields=()), recipes=recipes)


def _schema(path: Path, place: str, problems: list[str]) -> Schema | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        shape: dict[str, Any] = SchemaShape().load(document)
    except OSError as error:
        problems.append(f"{place} schema file {path} cannot be read: {error.strerror}")
    except ValidationError as error:
        problems += [
            f"{place} schema file {path.name}: {line}" for line in flattened(error.messages_dict)
        ]
    except (ValueError, RecursionError) as error:
        problems.append(f"{place} schema file {path} is not JSON: {error}")
    else:
        return Schema(
            fields=tuple(
                Field(**{**field, "type": FieldType(field["type"])}) for field in shape["fields"]
            )
        )
    return None
