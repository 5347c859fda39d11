"""What the machine plays with: four customers, two integration versions, a few keys and records.

The customers differ in what is registered for them, so that versions are unknown to the API,
single enrichments are refused, or all of a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from collector.domain.definition import Definition
from collector.sandbox import Sandbox, SandboxInstallation
from tests.properties.clocks import Clocks
from tests.properties.databases import CopyOfDatabase
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA

FULL = PHONE_CALL_SCHEMA

#: Refuses what has a rating, and nothing else.
NARROW = {"fields": [f for f in FULL["fields"] if f["name"] != "call_client_rating"]}

#: Refuses everything that the definition builds.
FOREIGN = {
    "fields": [
        *FULL["fields"],
        {"name": "other", "type": "INT", "optional": False, "label": "", "description": ""},
    ]
}

#: What is registered with the API for each customer, by integration version.
REGISTERED: Mapping[int, Mapping[int, Mapping[str, Any]]] = {
    162: {1: FULL, 2: FULL},
    163: {1: FULL},
    164: {1: NARROW, 2: NARROW},
    165: {1: FULL, 2: FOREIGN},
}

#: Where single enrichments can deserve to be refused.
CAN_BE_REFUSED = frozenset({164, 165})

CALL_IDS = ("a", "b", "c", "d")
SESSION_KEYS = ("u.1", "u.2", "w.1", "w.2", "x.1", "y.1")

#: What a record can tell besides a rating; from the last two no fields can be built.
TOLD: tuple[Mapping[str, str], ...] = (
    {},
    {"status": "no-answer"},
    {"rating": "great"},
    {"status": "odd"},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The newest record of one call, as the provider's platform has it."""

    started_at: datetime
    keys: Mapping[str, str]
    told: Mapping[str, str]

    def is_told_by(self, fields: Mapping[str, Any]) -> bool:
        """Whether an enrichment says what this record says."""
        rating = fields.get("call_client_rating")
        began = datetime.fromisoformat(str(fields["call_datetime"]))
        return (
            (None if rating is None else f"{rating:g}") == self.told.get("rating")
            and fields["answered"] == (self.told.get("status") != "no-answer")
            and began == self.started_at.replace(microsecond=0)
        )

    @property
    def points(self) -> tuple[datetime, tuple[tuple[str, str], ...]]:
        """What its session is found by."""
        return self.started_at, tuple(sorted(self.keys.items()))


def with_two_versions(definition: Definition) -> Definition:
    """The definition with a second version, in which every payload is another."""
    one = definition.versions[1]
    in_seconds = replace(one.recipes["call_duration"], multiply=None)
    recipes = {**one.recipes, "call_duration": in_seconds}
    versions = {1: one, 2: replace(one, number=2, recipes=recipes)}
    return replace(definition, versions=versions)


def integration_of(project_id: int) -> int:
    return project_id - 120


class Scene:
    """One sandbox for all examples, and a fresh database for each of them."""

    def __init__(self, copy_of_database: CopyOfDatabase) -> None:
        self.clocks = Clocks()
        self.copy_of_database = copy_of_database
        self.sandbox = Sandbox(
            [
                SandboxInstallation(
                    project_id=project_id,
                    integration_id=integration_of(project_id),
                    client_id=PHONE_CALL_INSTALLATION.client_id,
                    client_secret=PHONE_CALL_INSTALLATION.client_secret,
                    schemas=schemas,
                )
                for project_id, schemas in REGISTERED.items()
            ],
            now=lambda: self.clocks.right,
        )

    def start_anew(self) -> None:
        """Nothing is held, nothing goes wrong, and it is the first day again."""
        self.clocks = Clocks()
        self.sandbox.empty()
        self.sandbox.clear()

    def __enter__(self) -> Self:
        self.sandbox.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sandbox.close()
