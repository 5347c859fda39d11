"""The tables of what was removed by its age: how far, and how many there were of each day."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from collector.storage.tables import MAX_SOURCE, Base


class SessionCountRow(Base):
    """How many sessions that began on a UTC day were removed."""

    __tablename__ = "session_count"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    sessions: Mapped[int]


class CallCountRow(Base):
    """How many calls of a UTC day were removed, by all that they can be summed over.

    ``rule`` is "" for calls without a session: a key cannot be null.
    """

    __tablename__ = "call_count"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(MAX_SOURCE), primary_key=True)
    verdict: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    rule: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    calls: Mapped[int]
    matched: Mapped[int]
    value: Mapped[float | None] = mapped_column(sa.Double)


class PurgedRow(Base):
    """How far a project's calls or sessions were gone through: ``before`` that they can be gone.

    Some of those before it had to stay; ``swept`` is how far they were looked at once more.
    """

    __tablename__ = "purged"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    before: Mapped[datetime]
    swept: Mapped[datetime]
