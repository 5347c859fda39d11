"""What is left where somebody was forgotten: who stays out, and which numbers are spent."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from collector.storage.tables import Base


class TombstoneRow(Base):
    """An identifier of somebody who was forgotten, as a keyed hash, by which they stay out.

    ``kind`` is user_id, caller, call_id or the kind of a match key; ``key_id`` names the key that
    the hash was made with.
    """

    __tablename__ = "tombstone"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(sa.String(8))
    forgotten_at: Mapped[datetime]


class SpentNumberRow(Base):
    """An enrichment number of a session that stays, given to a call that was forgotten.

    It is never free again: another call under it would overwrite at Contentsquare what nobody
    here knows any more.
    """

    __tablename__ = "spent_number"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    session_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    enrichment_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
            ondelete="CASCADE",
        ),
    )
