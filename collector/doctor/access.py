"""What the doctor finds of who may look at what is stored, and who may add to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from collector.doctor.findings import Finding, ok, warning
from collector.domain.tokens import SOON
from collector.insight.tokens import ending
from collector.storage import tokens, users
from collector.storage.database import Database


def of_users(database: Database) -> Iterator[Finding]:
    """Whether there is somebody who may look."""
    with database.read() as connection:
        number = len(users.list_all(connection))
    if number:
        yield ok("users", f"{number} may look at the dashboard.")
    else:
        yield ok("users", "None yet may look at the dashboard; collector user add makes one.")


def of_tokens(database: Database, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Which tokens end soon, or have ended."""
    with database.read() as connection:
        found = tokens.list_all(connection)
    now, are_all_well = clock(), True
    for each in found:
        if (told := ending(each, now)) is not None:
            are_all_well = False
            yield warning("tokens", f"Project {each.project_id}: {told[0]}", told[1])
    if are_all_well:
        yield ok("tokens", f"{len(found)} token(s), of which none ends within {SOON.days} days.")
