"""What `collector forget` tells of what it did: counts, and what is out of its reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.storage.forgetting import Sent


@dataclass(kw_only=True, slots=True)
class ProjectReceipt:
    """What was removed of one installation; of a dry run, what would be.

    ``removed`` are rows by table, ``mentions`` values that named the person elsewhere. Of
    ``unopened`` refused records nobody knows whom they name. ``sharing`` counts what stays and
    shares something with the person. ``data`` is all of it, for a dry run that was asked for it.
    """

    project_id: int
    name: str
    busy: bool = False  #: nothing was done here, since a worker is at it
    visitors: int = 0
    removed: Mapping[str, int] = field(default_factory=dict)
    mentions: int = 0
    tombstones: int = 0
    unopened: int = 0
    countryless: int = 0  #: numbers of callers, in a spelling that does not tell the country
    has_region: bool = True
    sent: Sequence[Sent] = ()
    sharing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    too_many_share: Sequence[str] = ()  #: kinds of keys that too many visitors have
    data: Mapping[str, Any] | None = None

    @property
    def found(self) -> bool:
        return any(self.removed.values())

    def as_json(self) -> dict[str, Any]:
        told = {
            "project_id": self.project_id,
            "name": self.name,
            "busy": self.busy,
            "visitors": self.visitors,
            "removed": dict(self.removed),
            "mentions": self.mentions,
            "tombstones": self.tombstones,
            "refused_records_unopened": self.unopened,
            "callers_without_country": self.countryless,
            "at_contentsquare": [
                {
                    "session_key": one.session_key,
                    "enrichment_number": one.enrichment_number,
                    "call_id": one.call_id,
                    "accepted_at": one.accepted_at,
                    "in_doubt": one.in_doubt,
                }
                for one in self.sent
            ],
            "staying": {kind: dict(counts) for kind, counts in self.sharing.items()},
            "shared_by_too_many": list(self.too_many_share),
        }
        return told if self.data is None else {**told, "data": self.data}


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Of all installations. ``rewritten`` is whether SQLite's file was written anew; None where
    that is not asked for, or is no matter of this database.
    """

    at: datetime
    dry_run: bool
    projects: Sequence[ProjectReceipt]
    database: str
    rewritten: bool | None = None

    @property
    def busy(self) -> list[int]:
        return [project.project_id for project in self.projects if project.busy]

    @property
    def found(self) -> bool:
        return any(project.found for project in self.projects)

    @property
    def _is_nothing_done(self) -> bool:
        return all(project.busy for project in self.projects)

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "dry_run": self.dry_run,
            "projects": [project.as_json() for project in self.projects],
            "file_rewritten": self.rewritten,
            "out_of_reach": self.out_of_reach(),
        }

    def out_of_reach(self) -> list[str]:
        """What this cannot undo, or has not undone yet, in sentences."""
        told = [_AT_CONTENTSQUARE] if any(one.sent for one in self.projects) else []
        if self.database != "sqlite":
            told.append(_OF_POSTGRESQL)
        elif self.rewritten is False:
            told.append(_FILE_HELD)
        elif self.rewritten is None and not self.dry_run and not self._is_nothing_done:
            told.append(_FILE_LEFT)
        return [*told, *_ELSEWHERE]


_AT_CONTENTSQUARE = (
    "What Contentsquare has accepted stays there: its API takes enrichments and can delete none. "
    "Have the customer ask Contentsquare to delete the data of these visitors, by the session keys "
    "above; they are told here only, and kept nowhere."
)
_OF_POSTGRESQL = (
    "PostgreSQL leaves deleted rows in its files until they are vacuumed, which autovacuum does in "
    "its time; no query sees them. By hand: VACUUM session, sighting, call, call_key, enrichment, "
    "refused_record. Its write-ahead log and archives of it hold them as long as they are kept."
)
_FILE_LEFT = (
    "SQLite's file was not written anew, as asked: bytes of the removed rows may stand in it until "
    "the next VACUUM."
)
_FILE_HELD = (
    "SQLite's file could not be written anew, since somebody was reading or writing all the time: "
    "bytes of the removed rows may stand in it or in its log. Run this command again."
)
_OTHER_COPIES = (
    "Not touched: files that were imported or exported, the provider's own database and platforms, "
    "and logs, which may name calls by their ids."
)
_ELSEWHERE = (
    "Backups and replicas made before still hold it. Whoever restores one runs this command again.",
    _OTHER_COPIES,
    "Servers show nothing of it after 30 seconds, for so long pages of the dashboard are kept.",
)
