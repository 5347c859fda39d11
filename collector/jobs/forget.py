"""Forgets a person: finds all that is stored of them, removes it, and leaves tombstones.

It works under the installation's lease, as the job does, so that nothing of the person is on its
way to Contentsquare meanwhile, and holds the installation's row, as imports do. The tombstones are
written in the very transaction that removes, so that whatever comes later stays out.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector.domain.callers import CallerHash
from collector.domain.identifiers import normalise_key
from collector.domain.installation import Installation
from collector.domain.numbers import spell_number
from collector.domain.person import Named, Person, Reach
from collector.domain.tombstones import CALLER, is_told_apart, mark, told_in, without
from collector.errors import LeaseLostError, NotFoundError, StorageError
from collector.jobs.receipt import ProjectReceipt, Receipt
from collector.logs import Logger
from collector.storage import (
    forgetting,
    installations,
    leases,
    mentions,
    people,
    refused,
    rewriting,
    tombstones,
)
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease
from collector.storage.secrets import SecretBox

log = Logger(__name__)

#: In seconds: between two looks at a lease, and for how long beacons under way are waited for.
_LOOK_EVERY = 1.0
_BEACONS_TAKE = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A person in one project, with where else they are named."""

    person: Person
    numbers: frozenset[str]
    refused: set[str]
    unopened: int
    mentions: list[mentions.Mention]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetting:
    """``patience`` is how many seconds a worker that holds an installation is waited for."""

    database: Database
    secrets: SecretBox
    patience: float = 0.0
    rewrites: bool = True  #: SQLite's file
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def look(
        self, project_id: int | None, named: Named, reach: Reach, *, with_data: bool = False
    ) -> Receipt:
        """What would be removed; changes nothing.

        Args:
            with_data: tell all of it, as a person may ask for.

        Raises:
            NotFoundError: the project has no installation, or there is none at all.
        """
        projects = [
            self._look(installation, named, reach, with_data=with_data)
            for installation in self._chosen(project_id)
        ]
        return self._receipt(projects, dry_run=True, rewritten=None)

    def run(self, project_id: int | None, named: Named, reach: Reach) -> Receipt:
        """Forget a person in one project, or in all.

        An installation that a worker is at is left as it is, and told as busy.

        Raises:
            NotFoundError: the project has no installation, or there is none at all.
            DatabaseUnavailableError: what was forgotten before stays so; to repeat it is harmless.
        """
        projects = [
            self._forget(installation, named, reach) for installation in self._chosen(project_id)
        ]
        rewritten = None
        if self.rewrites and self.database.is_sqlite and any(not one.busy for one in projects):
            rewritten = rewriting.rewrite(self.database)
        return self._receipt(projects, dry_run=False, rewritten=rewritten)

    def _chosen(self, project_id: int | None) -> Sequence[Installation]:
        with self.database.read() as connection:
            if project_id is None:
                if found := installations.list_all(connection):
                    return found
                raise NotFoundError(
                    "There is no installation, so that nobody is stored who could be forgotten. "
                    "Add one with: collector installation add"
                )
            return [installations.get(connection, project_id)]

    def _receipt(
        self, projects: Sequence[ProjectReceipt], *, dry_run: bool, rewritten: bool | None
    ) -> Receipt:
        return Receipt(
            at=self.clock(),
            dry_run=dry_run,
            projects=projects,
            database=self.database.dialect,
            rewritten=rewritten,
        )

    def _look(
        self, installation: Installation, named: Named, reach: Reach, *, with_data: bool
    ) -> ProjectReceipt:
        project_id = installation.project_id
        found = self._find(installation, named, reach)
        with self.database.read() as connection:
            receipt = self._told(connection, installation, found)
            receipt.removed = forgetting.count(connection, project_id, found.person, found.refused)
            if with_data:
                rows = forgetting.rows(connection, project_id, found.person, found.refused)
                receipt.data = {
                    name: list(map(self._readable, some)) for name, some in rows.items()
                }
        return receipt

    def _readable(self, row: Any) -> dict[str, Any]:
        """A row as it is told: a refused record opened, and no hash of anything."""
        told = {name: value for name, value in row.items() if not _is_hash(name)}
        if told.get("record"):
            told["record"] = refused.open_record(self.secrets, told["record"])
        return told

    def _forget(self, installation: Installation, named: Named, reach: Reach) -> ProjectReceipt:
        project_id = installation.project_id
        lease = self._take(project_id)
        if lease is None:
            return ProjectReceipt(project_id=project_id, name=installation.name, busy=True)
        try:
            return self._forget_under(lease, installation, named, reach)
        finally:
            # Whatever happened: the job need not wait until it lapses.
            with suppress(LeaseLostError, StorageError), self.database.write() as connection:
                leases.release(connection, lease)

    def _forget_under(
        self, lease: Lease, installation: Installation, named: Named, reach: Reach
    ) -> ProjectReceipt:
        project_id = installation.project_id
        found = self._find(installation, named, reach)
        with self.database.write() as connection:
            now = self.clock()
            leases.hold(connection, lease, now)
            # Once more: what was imported until now is theirs, too.
            people.complete(connection, project_id, found.person, reach)
            receipt = self._told(connection, installation, found)
            tombstones.add(connection, project_id, self._marks(found), now)
            receipt.mentions = mentions.write(connection, found.mentions)
            receipt.removed = forgetting.erase(connection, project_id, found.person, found.refused)
        rewriting.wait_for_beacons(self.database, _BEACONS_TAKE, self.sleep)
        # From the tombstones on none is kept any more; until then some may have come.
        refusals, receipt.unopened = self._refused(installation, found.person)
        with self.database.write() as connection:
            leases.hold(connection, lease, self.clock())
            late = forgetting.sweep(connection, project_id, found.person.user_ids, refusals)
        receipt.removed = {
            name: number + late.get(name, 0) for name, number in receipt.removed.items()
        }
        log.info("forgotten", project_id=project_id, **receipt.removed)
        return receipt

    def _take(self, project_id: int) -> Lease | None:
        owner = f"{socket.gethostname()[:50]}:{os.getpid()}:forget"
        waited = 0.0
        while True:
            with self.database.write() as connection:
                lease = leases.take(connection, project_id, owner, self.clock())
            if lease is not None or waited >= self.patience:
                return lease
            self.sleep(_LOOK_EVERY)
            waited += _LOOK_EVERY

    def _find(self, installation: Installation, named: Named, reach: Reach) -> _Found:
        """All that may take long is looked for before the transaction that removes."""
        project_id, region = installation.project_id, installation.region
        numbers = frozenset(spell_number(text, region) for text in named.callers) - {""}
        person = Person(
            user_ids=set(named.user_ids),
            call_ids=set(named.call_ids),
            callers={(hashed(one), hashed.key_id) for one in numbers for hashed in self._hashes},
            keys={(kind, normalise_key(kind, value, region)) for kind, value in named.keys},
        )
        with self.database.read() as connection:
            people.complete(connection, project_id, person, reach)
        words = {value for kind, value in person.named() if is_told_apart(kind, value)}
        refusals, unopened = self._refused(installation, person)
        with self.database.read() as connection:
            found = mentions.find(connection, project_id, person, without(words | numbers))
        return _Found(
            person=person, numbers=numbers, refused=refusals, unopened=unopened, mentions=found
        )

    def _refused(self, installation: Installation, person: Person) -> tuple[set[str], int]:
        names = _Naming(person, self._hashes, installation.region)
        return refused.of_person(self.database, installation.project_id, self.secrets, names)

    @property
    def _hashes(self) -> tuple[CallerHash, ...]:
        return (self.secrets.callers, *self.secrets.callers.older)

    def _told(
        self, connection: Connection, installation: Installation, found: _Found
    ) -> ProjectReceipt:
        """What is told of both what would be done and what is done."""
        project_id, person = installation.project_id, found.person
        return ProjectReceipt(
            project_id=project_id,
            name=installation.name,
            visitors=len(person.user_ids),
            mentions=len(found.mentions),
            tombstones=len(self._marks(found)),
            unopened=found.unopened,
            countryless=sum(not one.startswith("+") for one in found.numbers),
            has_region=installation.region is not None,
            sent=forgetting.sent(connection, project_id, person),
            sharing=people.sharing(connection, project_id, person),
            too_many_share=sorted({kind for kind, _ in person.shared}),
        )

    def _marks(self, found: _Found) -> set[tuple[str, str, str]]:
        """By the first key; but of some callers only the hash by another is known."""
        first = self.secrets.callers
        numbers = {hashed(one) for one in found.numbers for hashed in self._hashes}
        marks = {
            (kind, mark(kind, value, first), first.key_id) for kind, value in found.person.named()
        }
        marks |= {(CALLER, first(one), first.key_id) for one in found.numbers}
        return marks | {
            (CALLER, caller, key_id)
            for caller, key_id in found.person.callers
            if caller not in numbers
        }


def _is_hash(column: str) -> bool:
    """Whether it, or what it is made with, says nothing to whoever it is about."""
    return column.endswith("_hash") or column in {"caller", "caller_key"}


class _Naming:
    """Whether a text names a person, under any of their identifiers."""

    def __init__(self, person: Person, hashes: Sequence[CallerHash], region: str | None) -> None:
        self._named = person.named()
        self._callers = {caller for caller, _ in person.callers}
        self._hashes = hashes
        self._region = region
        self._kinds = {kind for kind, _ in self._named} | ({CALLER} if self._callers else set())

    def __call__(self, text: str) -> bool:
        return any(
            any(hashed(value) in self._callers for hashed in self._hashes)
            if kind == CALLER
            else (kind, value) in self._named
            for kind, value in told_in(text, self._region, self._kinds)
        )
