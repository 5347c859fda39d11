"""Reads the integration definition: a TOML file, with the registered JSON schemas beside it.

Problems are collected rather than told one by one: first all of the file's form, then, once the
form is right, all of its meaning, so that one or two readings are enough to mend it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from collector.domain import identifiers
from collector.domain.definition import (
    DEFAULT_RULES,
    CallMapping,
    Definition,
    FileFormat,
    IntegrationVersion,
    Matching,
    Preset,
    Recipe,
    Rule,
    SqlSource,
)
from collector.domain.recipes import recipe_problems
from collector.domain.schema import Field, FieldType, Schema
from collector.domain.times import parse_duration
from collector.errors import DefinitionError
from collector.sources import presets
from collector.sources.decoding import is_encoding
from collector.sources.dialect import is_sign
from collector.sources.mappings import adapted, mapping, time_format_problem
from collector.sources.shapes import DefinitionShape, SchemaShape, flattened

_EPOCHS = ("epoch", "epoch_ms")
_STANDARD_SQL = SqlSource(query="")


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
    calls = shape["calls"]
    found = _presets(calls, shape.get("presets", {}), problems)
    main = calls.get("preset")
    definition = Definition(
        name=shape["name"],
        mapping=found[main].mapping if main else _own(calls, problems),
        presets=found,
        main_preset=main,
        files=_files(calls.get("file", {}), problems),
        sql=_sql(calls["sql"], problems) if "sql" in calls else None,
        matching=_matching(shape.get("matching", {}), "matching", problems),
        projects={
            int(number): _matching(table["matching"], f"projects.{number}.matching", problems)
            for number, table in shape.get("projects", {}).items()
        },
        versions={
            int(number): _version(int(number), table, path.parent, problems)
            for number, table in shape["versions"].items()
        },
    )
    if problems:
        raise DefinitionError(str(path), problems)
    return definition


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


def _presets(
    calls: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], problems: list[str]
) -> dict[str, Preset]:
    """Every preset, as far as the definition adapts it in its own way."""
    main = calls.get("preset")
    if main in tables:
        problems.append(f"[presets.{main}] is what [calls] begins from: write it there")
    return {
        name: adapted(name, calls, "calls", problems)
        if name == main
        else adapted(name, tables.get(name, {}), f"presets.{name}", problems)
        for name in presets.NAMES
    }


def _own(table: Mapping[str, Any], problems: list[str]) -> CallMapping:
    if "webhook" in table:
        problems.append('[calls.webhook] belongs to a preset: name it by preset = "…"')
    return mapping(table, "calls", problems)


def _files(table: Mapping[str, str], problems: list[str]) -> FileFormat:
    encoding = table.get("encoding")
    if encoding is not None and not is_encoding(encoding):
        problems.append(f"[calls.file] encoding {encoding!r} is unknown; write one such as cp1252")
    found = FileFormat(
        encoding=encoding,
        delimiter=table.get("delimiter"),
        quote=table.get("quote", FileFormat().quote),
    )
    for name, sign in (("delimiter", found.delimiter), ("quote", found.quote)):
        if sign is not None and not is_sign(sign):
            problems.append(f"[calls.file] {name} {sign!r} is not one sign such as ;")
    if found.delimiter == found.quote:
        problems.append("[calls.file] delimiter and quote are the same")
    return found


def _sql(table: Mapping[str, Any], problems: list[str]) -> SqlSource:
    query = table["query"]
    missing = [name for name in ("since", "limit") if not re.search(rf"(?<![:\w]):{name}\b", query)]
    problems += [f"[calls.sql] query has no parameter :{name}" for name in missing]
    form = table.get("since_format")
    reason = None
    if form is not None and form not in _EPOCHS:
        reason = time_format_problem(form, date_alone=True)
    if reason:
        problems.append(f"[calls.sql] since_format {form!r} {reason}; or write epoch or epoch_ms")
    return SqlSource(
        query=query,
        url=table.get("url"),
        since_format=form,
        page=table.get("page", _STANDARD_SQL.page),
        overlap=_duration(table, "overlap", _STANDARD_SQL.overlap, "calls.sql", problems),
    )


def _matching(table: Mapping[str, Any], place: str, problems: list[str]) -> Matching:
    standard = Matching()
    rules = standard.rules
    if "rules" in table:
        rules = tuple(_rule(rule, place, problems) for rule in table["rules"])
        kinds = [rule.kind for rule in rules]
        if len(set(kinds)) < len(kinds):
            problems.append(f"[{place}] has two rules for one key")
    return Matching(
        rules=rules,
        skew=_duration(table, "skew", standard.skew, place, problems),
        horizon=_duration(table, "horizon", standard.horizon, place, problems),
    )


def _rule(table: Mapping[str, Any], place: str, problems: list[str]) -> Rule:
    kind = table["key"]
    if not identifiers.is_kind(kind):
        problems.append(f"[[{place}.rules]] {kind!r} is no kind of match key")
    standard = next(
        (rule for rule in DEFAULT_RULES if rule.kind == kind),
        Rule(kind=kind, window=timedelta(days=7)),
    )
    return Rule(
        kind=kind,
        window=_duration(table, "window", standard.window, place, problems),
        shared=table.get("shared", standard.shared),
    )


def _duration(
    table: Mapping[str, Any], name: str, standard: timedelta, place: str, problems: list[str]
) -> timedelta:
    if name not in table:
        return standard
    try:
        return parse_duration(table[name])
    except ValueError as error:
        problems.append(f"[{place}] {name}: {error}")
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
        document = json.loads(path.read_text(encoding="utf-8-sig"))
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
