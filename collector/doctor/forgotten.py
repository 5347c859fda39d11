"""What the doctor says of those who were forgotten: whether they still stay out."""

from __future__ import annotations

from collections.abc import Iterator

from collector.config import Settings
from collector.doctor.findings import Finding, ok, problem
from collector.domain.callers import CallerHash
from collector.storage.database import Database
from collector.storage.tombstones import by_key


def tombstones(database: Database, settings: Settings) -> Iterator[Finding]:
    """Whether each tombstone's key is at hand."""
    with database.read() as connection:
        found = by_key(connection)
    known = {CallerHash.of(key).key_id for key in settings.secret_key}
    if lost := sum(number for key_id, number in found.items() if key_id not in known):
        yield problem(
            "tombstones",
            f"{lost} were made with no key of COLLECTOR_SECRET_KEY, so that people who were "
            "forgotten are taken in again.",
            "Add the key that they were made with, after a comma.",
        )
    else:
        yield ok("tombstones", f"{sum(found.values())} keep forgotten people out.")
