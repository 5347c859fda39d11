"""The integration definition: how call records become calls, matches and enrichment fields.

It is written by the provider in a TOML file (read by collector/sources/definition.py) beside
the schemas that were registered with Contentsquare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from decimal import Decimal

from collector.domain import identifiers
from collector.domain.call import OWN
from collector.domain.enrichment import FieldValue
from collector.domain.schema import Schema

#: Columns that can hold the same thing; the first that holds anything counts. A dotted name that
#: is no column itself is a way into nested objects.
Columns = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How one field is made from a call: from exactly one of ``source``, ``call``, ``constant``.

    ``call`` names something that every source of calls can tell, one of ``building.CALL_PARTS``.
    The steps apply in the order map, multiply, truncate; ``default`` stands in where there is no
    value.
    """

    source: Columns = ()
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
class Condition:
    """Something that a record says, or not: exactly one of ``values``, ``excluded``, ``above``.

    It holds if the column's text is among ``values``, is not among ``excluded`` (in lower case
    both), or is a number greater than ``above``. A record without the column does not say: that
    meets ``excluded``, and leaves the others undecided.
    """

    columns: Columns
    values: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    above: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallMapping:
    """Which columns of a record hold what a call needs.

    ``started`` may be missing where ``ended`` and ``duration`` tell it. ``duration_unit`` is the
    length of one unit of the duration column. A record is a call only if all of ``only`` hold,
    and was answered if all of ``answered`` do. ``zone`` is that of times written without an
    offset, unless ``zone_column`` names one; ``time_formats`` are tried before the usual forms,
    as ``strptime`` has them. ``decimal`` is the sign before a number's fraction.
    """

    id: Columns
    started: Columns = ()
    ended: Columns = ()
    duration: Columns = ()
    duration_unit: timedelta = timedelta(seconds=1)
    updated: Columns = ()
    keys: Mapping[str, Columns] = field(default_factory=dict)
    caller: Columns = ()
    value: Columns = ()
    answered: tuple[Condition, ...] = ()
    only: tuple[Condition, ...] = ()
    zone: tzinfo = UTC
    zone_column: Columns = ()
    time_formats: tuple[str, ...] = ()
    decimal: str = "."

    def tells(self, part: str) -> bool:
        """Whether a record can tell this part of a call, which ``Recipe.call`` names."""
        match part:
            case "ended" | "duration":
                return bool(self.ended or self.duration)
            case "answered":
                return bool(self.answered)
            case "value":
                return bool(self.value)
            case "dialled":
                return bool(self.keys.get(identifiers.TRACKING_NUMBER))
            case "caller":
                return bool(self.caller)
            case _:
                return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """How a platform signs what it posts, with a secret shared with it.

    ``scheme`` is ``twilio`` (over address and parameters) or ``hmac`` (over the body); for the
    latter ``algorithm`` is sha1, sha256 or sha512, ``encoding`` base64 or hex, and ``prefix``
    stands before the signature in its ``header``.
    """

    scheme: str
    header: str
    algorithm: str = "sha1"
    encoding: str = "base64"
    prefix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A call platform: how its records are read, and how its webhooks are signed, if they are.

    ``query`` says that its webhooks may be GET requests, with the record in the query.
    """

    name: str
    mapping: CallMapping
    signature: Signature | None = None
    query: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlSource:
    """The provider's own database of calls: ``query`` takes ``:since`` and ``:limit``.

    It may take ``:project_id`` too. ``since_format`` is how ``:since`` is written: None for a
    timestamp, ``epoch`` or ``epoch_ms`` for a number, else a format of ``strftime``. ``overlap``
    is how far before the newest record seen each run begins again, for what was written late.
    """

    query: str
    url: str | None = None
    since_format: str | None = None
    page: int = 5000
    overlap: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """How the provider writes files, where it cannot be told from the file. None: told from it."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str = '"'


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
    # Measured, docs/matching.md: the longer ago it was shown, the likelier another one dials it.
    Rule(kind=identifiers.TRACKING_NUMBER, window=timedelta(minutes=5), shared=True),
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
    presets: Mapping[str, Preset] = field(default_factory=dict)
    main_preset: str | None = None  #: the one that ``mapping`` adapts, if it adapts any
    projects: Mapping[int, Matching] = field(default_factory=dict)  #: with rules of their own
    files: FileFormat = field(default_factory=FileFormat)
    sql: SqlSource | None = None

    def columns(self) -> frozenset[str]:
        """The record columns that any version makes a field from."""
        return frozenset(
            column
            for version in self.versions.values()
            for recipe in version.recipes.values()
            for column in recipe.source
        )

    def call_parts(self) -> frozenset[str]:
        """The parts of a call that any version makes a field from."""
        return frozenset(
            recipe.call
            for version in self.versions.values()
            for recipe in version.recipes.values()
            if recipe.call is not None
        )

    def matching_of(self, project_id: int) -> Matching:
        """The rules of one project."""
        return self.projects.get(project_id, self.matching)

    def mapping_of(self, preset: str | None) -> CallMapping:
        """How records of a preset are read; None stands for the definition's own.

        Raises:
            KeyError: there is no such preset.
        """
        return self.mapping if preset is None else self.presets[preset].mapping

    def files_of(self, preset: str | None) -> FileFormat:
        """How files with records of a preset are written: ``files`` is about the main ones."""
        return self.files if preset in (None, self.main_preset) else FileFormat()

    def mapping_behind(self, source: str) -> CallMapping:
        """The mapping that read calls of this source; the definition's own if it is gone since."""
        if source in self.presets and source != self.main_preset:
            return self.presets[source].mapping
        return self.mapping

    def source_of(self, preset: str | None) -> str:
        """What a call read by ``preset`` is noted to come from."""
        return preset or self.main_preset or OWN
