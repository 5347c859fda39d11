"""The integration definition: how call records become calls, matches and enrichment fields.

It is written by the provider in a TOML file (read by collector/sources/definition.py) beside
the schemas that were registered with Contentsquare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo

from collector.domain import identifiers
from collector.domain.enrichment import FieldValue
from collector.domain.schema import Schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How one field is made from a call: from exactly one of ``source``, ``call``, ``constant``.

    ``call`` names something every call has: ``id``, ``started``, ``ended`` or ``duration``
    (seconds). The steps apply in the order map, multiply, truncate; ``default`` stands in
    where there is no value.
    """

    source: str | None = None
    call: str | None = None
    constant: FieldValue | None = None
    map: Mapping[str, FieldValue] | None = None
    multiply: float | None = None
    truncate: bool = False
    default: FieldValue | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationVersion:
    """One registered schema with a recipe for each of its fields."""

    number: int
    schema: Schema
    recipes: Mapping[str, Recipe]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallMapping:
    """Which columns of a record hold what a call needs. Either ``ended`` or ``duration`` or none.

    ``duration_unit`` is the length of one unit of the duration column. ``zone`` is that of times
    written without an offset.
    """

    id: str
    started: str
    ended: str | None = None
    duration: str | None = None
    duration_unit: timedelta = timedelta(seconds=1)
    updated: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One way to find a call's session.

    A key that is ``shared`` (a tracking number) belongs to several people in turn, so two
    candidates of different users are ambiguous; one that is not belongs to one person.
    ``window`` is how long before the call the key may last have been seen.
    """

    kind: str
    window: timedelta
    shared: bool = False


#: In order of strength: what the call itself says comes first.
DEFAULT_RULES = (
    Rule(kind=identifiers.SESSION_KEY, window=timedelta(days=7)),
    Rule(kind=identifiers.VISITOR_ID, window=timedelta(days=7)),
    Rule(kind=identifiers.REFERENCE, window=timedelta(days=7)),
    Rule(kind=identifiers.TRACKING_NUMBER, window=timedelta(minutes=30), shared=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Matching:
    """The rules in their order, and the two tolerances in time.

    ``skew`` is how far the clocks of call platform and collector may disagree. ``horizon`` is
    how long after its start a call waits for its session's beacon.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    skew: timedelta = timedelta(seconds=60)
    horizon: timedelta = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """The whole integration definition, checked."""

    name: str
    mapping: CallMapping
    versions: Mapping[int, IntegrationVersion]
    matching: Matching = field(default_factory=Matching)

    def columns(self) -> frozenset[str]:
        """The record columns that any version makes a field from."""
        return frozenset(
            recipe.source
            for version in self.versions.values()
            for recipe in version.recipes.values()
            if recipe.source is not None
        )
