"""The tables. Every key of what belongs to a customer leads with ``project_id``.

So the database can be sharded by customer without a change. Times are UTC. Analysts read the
``report_*`` views, which the migrations make and which are a contract; the tables may change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from collector.domain.installation import MAX_ORIGIN
from collector.domain.users import MAX_NAME
from collector.storage.preparing import as_time

#: As much of a refusal's message as is kept beside its count.
MAX_DETAIL = 300

#: A call for which a session may still be found, as its index says it and who wants that index.
WITHOUT_SESSION = "call.verdict IN ('unmatched', 'ambiguous')"

#: The longest name of a preset, which a call's source is.
MAX_SOURCE = 30

#: The longest place that a refused record is said to come from, such as a file's path.
MAX_ORIGIN_OF_RECORD = 300

NAMES = {
    "pk": "%(table_name)s_pk",
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "uq": "%(table_name)s_%(column_0_N_name)s_uq",
    "fk": "%(table_name)s_%(referred_table_name)s_fk",
    "ck": "%(table_name)s_%(constraint_name)s_ck",
}

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment: ``timestamptz`` on PostgreSQL, UTC text on SQLite; aware in Python, always."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a time zone cannot be stored.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    # Not process_result_value, around which SQLAlchemy would put two more calls for each value.
    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - SQLAlchemy passes it
    ) -> Callable[[Any], datetime | None]:
        return _from_text if dialect.name == "sqlite" else _in_utc


def _from_text(text: str | None) -> datetime | None:
    return None if text is None else as_time(text)


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """Holds the metadata that migrations are compared with."""

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[str]: Json,
        int: sa.BigInteger(),
    }


class InstallationRow(Base):
    """A customer's instance of the integration, one for each project.

    ``problem`` is what the last run could not do for it; before ``send_after`` the API has asked
    not to be asked. The lease says which worker may send for it; ``lease_number`` grows with
    every owner, so that a stalled one can be told apart. ``proven_version`` is the integration
    version under which something was accepted last, ``refused_in_row`` how many enrichments were
    refused alone since then. ``forgettings`` grows whenever somebody is forgotten, so that a
    server knows when to read the tombstones anew.
    """

    __tablename__ = "installation"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    integration_id: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200))
    client_id: Mapped[str] = mapped_column(sa.String(200))
    client_secret: Mapped[str] = mapped_column(sa.Text)
    integration_version: Mapped[int] = mapped_column(sa.Integer)
    origins: Mapped[list[str]]
    region: Mapped[str | None] = mapped_column(sa.String(2))
    paused: Mapped[bool] = mapped_column()
    honour_gpc: Mapped[bool] = mapped_column(server_default=sa.true())
    signing_secrets: Mapped[list[str]] = mapped_column(Json, server_default="[]")
    signed_kinds: Mapped[list[str]] = mapped_column(Json, server_default="[]")
    problem: Mapped[str | None] = mapped_column(sa.Text)
    searched_until: Mapped[datetime | None]
    send_after: Mapped[datetime | None]
    proven_version: Mapped[int | None] = mapped_column(sa.Integer)
    refused_in_row: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    forgettings: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    lease_owner: Mapped[str | None] = mapped_column(sa.String(100))
    lease_number: Mapped[int]
    lease_until: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class SessionRow(Base):
    """One visit, as its beacons told it."""

    __tablename__ = "session"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    session_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    beacons: Mapped[int]

    __table_args__ = (sa.Index(None, "project_id", "first_seen"),)


class SightingRow(Base):
    """A match key seen in a session."""

    __tablename__ = "sighting"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    value: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    user_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    session_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
            ondelete="CASCADE",
        ),
        # Matching asks for a key as it was seen of late; a number that is lent for years has a
        # long past.
        sa.Index(None, "project_id", "kind", "value", "last_seen"),
        # Of those seen after a call, only long ones can have been seen before it, too.
        sa.Index(
            "sighting_long_ix",
            "project_id",
            "kind",
            "value",
            "last_seen",
            postgresql_where=sa.text("last_seen - first_seen > interval '1 hour'"),
            sqlite_where=sa.text("julianday(last_seen) - julianday(first_seen) > 0.04"),
        ),
        # Where very many were seen after a call, those that began before it are found from there.
        # One that was seen once is none of them.
        sa.Index(
            "sighting_seen_again_ix",
            "project_id",
            "kind",
            "value",
            "first_seen",
            postgresql_where=sa.text("last_seen > first_seen"),
            sqlite_where=sa.text("last_seen > first_seen"),
        ),
        sa.Index(None, "project_id", "user_id", "session_number"),
        sa.Index(None, "project_id", "last_seen"),
    )


class BeaconCountRow(Base):
    """How many beacons of one UTC day had one outcome: accepted, or the code of a refusal.

    Project 0 has those that no known project can be told for, origin "" those whose origin is
    not named. ``detail`` is what the last of them was answered.
    """

    __tablename__ = "beacon_count"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    outcome: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    origin: Mapped[str] = mapped_column(sa.String(MAX_ORIGIN), primary_key=True)
    beacons: Mapped[int]
    last_at: Mapped[datetime]
    detail: Mapped[str] = mapped_column(sa.String(MAX_DETAIL))


class CallRow(Base):
    """One call record, with its verdict. ``examine`` is set while the job has to look at it.

    ``match_hash`` is of the keys and the start that its match was found by. ``source`` is the
    preset that read it; ``caller`` a keyed hash of the caller's number, by the key ``caller_key``.
    """

    __tablename__ = "call"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    call_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    attributes: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(sa.String(32))
    received_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str] = mapped_column(sa.String(30))
    detail: Mapped[str] = mapped_column(sa.Text)
    decided_at: Mapped[datetime]
    examine: Mapped[bool] = mapped_column()
    user_id: Mapped[str | None] = mapped_column(sa.String(100))
    session_number: Mapped[int | None] = mapped_column(sa.Integer)
    rule: Mapped[str | None] = mapped_column(sa.String(30))
    evidence: Mapped[dict[str, Any] | None] = mapped_column(Json)
    match_hash: Mapped[str | None] = mapped_column(sa.String(32))
    source: Mapped[str] = mapped_column(sa.String(MAX_SOURCE), server_default="own")
    answered: Mapped[bool | None] = mapped_column()
    value: Mapped[float | None] = mapped_column(sa.Double)
    caller: Mapped[str | None] = mapped_column(sa.String(64))
    caller_key: Mapped[str | None] = mapped_column(sa.String(8))

    __table_args__ = (
        sa.CheckConstraint(
            "verdict IN ('waiting', 'unmatched', 'ambiguous', 'invalid', 'over_limit', "
            "'pending', 'rejected', 'expired', 'accepted')",
            name="verdict",
        ),
        sa.Index(
            "call_examine_ix",
            "project_id",
            "started_at",
            "call_id",
            postgresql_where=sa.text("examine"),
            sqlite_where=sa.text("examine = 1"),
        ),
        # Few of many: those that a key seen of late may find a session for.
        sa.Index(
            "call_without_session_ix",
            "project_id",
            "started_at",
            "call_id",
            "verdict",
            postgresql_where=sa.text("verdict IN ('unmatched', 'ambiguous')"),
            sqlite_where=sa.text("verdict IN ('unmatched', 'ambiguous')"),
        ),
        sa.Index(None, "project_id", "verdict"),
        sa.Index(None, "project_id", "started_at"),
        sa.Index(None, "project_id", "user_id", "session_number"),
        # Matching asks what somebody has dialled before.
        sa.Index(None, "project_id", "caller", "started_at"),
    )


class RefusedRecordRow(Base):
    """A call record that could not be read, kept for a while so that it can be mended.

    ``origin`` and ``number`` say where it stood: a file and its line, a request and the place in
    its array. ``record`` is what came, encrypted, since it holds whatever the platform knows of
    the caller; null where there was no key to encrypt it with. The same refusal again is counted
    in ``times``.
    """

    __tablename__ = "refused_record"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    refusal_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(MAX_SOURCE))
    origin: Mapped[str] = mapped_column(sa.String(MAX_ORIGIN_OF_RECORD))
    number: Mapped[int]
    call_id: Mapped[str | None] = mapped_column(sa.String(100))
    code: Mapped[str] = mapped_column(sa.String(30))
    message: Mapped[str] = mapped_column(sa.Text)
    record: Mapped[str | None] = mapped_column(sa.Text)
    times: Mapped[int]
    first_at: Mapped[datetime]
    refused_at: Mapped[datetime]

    __table_args__ = (
        sa.Index(None, "project_id", "refused_at"),
        sa.Index(None, "project_id", "call_id"),
    )


class WebhookRow(Base):
    """The secret by which a call platform signs what it posts for a project, encrypted.

    While one takes the place of another, ``earlier_secret`` is taken too, until ``earlier_until``.
    """

    __tablename__ = "webhook"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    preset: Mapped[str] = mapped_column(sa.String(MAX_SOURCE), primary_key=True)
    secret: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime]
    earlier_secret: Mapped[str | None] = mapped_column(sa.Text)
    earlier_until: Mapped[datetime | None]


class PullRow(Base):
    """How far a project's calls were read from the provider's database, and what went wrong."""

    __tablename__ = "pull"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pulled_until: Mapped[datetime | None]
    pulled_at: Mapped[datetime]
    problem: Mapped[str | None] = mapped_column(sa.Text)


class CallKeyRow(Base):
    """A match key that a call carries, at most one of each kind."""

    __tablename__ = "call_key"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    call_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    value: Mapped[str] = mapped_column(sa.String(200))

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["project_id", "call_id"], ["call.project_id", "call.call_id"], ondelete="CASCADE"
        ),
        sa.Index(None, "project_id", "kind", "value"),
    )


class EnrichmentRow(Base):
    """The fields built from one match, at one enrichment number of its session.

    ``revision`` grows with every change of the payload; it is accepted once
    ``accepted_revision`` has reached it. A changed call keeps its number for good, and a call
    that has moved to another session leaves its row behind, ``superseded``. ``accepted_hash`` is
    of the payload that was accepted last, ``accepted_version`` what it was built for.
    ``doubtful_revision`` was sent without a definite answer at ``doubtful_since``: if it is above
    ``accepted_revision``, Contentsquare holds the one or the other. 0 if there is none.
    """

    __tablename__ = "enrichment"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    session_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    enrichment_number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    call_id: Mapped[str] = mapped_column(sa.String(100))
    payload: Mapped[dict[str, Any]]
    payload_hash: Mapped[str] = mapped_column(sa.String(32))
    integration_version: Mapped[int] = mapped_column(sa.Integer)
    revision: Mapped[int] = mapped_column(sa.Integer)
    accepted_revision: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str] = mapped_column(sa.String(10))
    deadline: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    batch_id: Mapped[str | None] = mapped_column(sa.String(32))
    accepted_hash: Mapped[str | None] = mapped_column(sa.String(32))
    accepted_version: Mapped[int | None] = mapped_column(sa.Integer)
    doubtful_revision: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    doubtful_since: Mapped[datetime | None]

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["project_id", "call_id"], ["call.project_id", "call.call_id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
        ),
        sa.CheckConstraint("enrichment_number BETWEEN 1 AND 3", name="number"),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'rejected', 'expired', 'invalid', 'superseded')",
            name="state",
        ),
        sa.Index(
            "enrichment_current_uq",
            "project_id",
            "call_id",
            unique=True,
            postgresql_where=sa.text("state <> 'superseded'"),
            sqlite_where=sa.text("state <> 'superseded'"),
        ),
        sa.Index(None, "project_id", "call_id"),
        sa.Index(
            "enrichment_pending_ix",
            "project_id",
            "deadline",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        ),
        # Few of many: analysts ask for all that stand where their calls point no longer. With
        # one column SQLite, which has no statistics, would take the primary key instead.
        sa.Index(
            "enrichment_superseded_ix",
            "project_id",
            "state",
            postgresql_where=sa.text("state = 'superseded'"),
            sqlite_where=sa.text("state = 'superseded'"),
        ),
        # Before it is sent, each is marked as in doubt. With room for that in its page, the mark
        # concerns no index.
        {"postgresql_with": {"fillfactor": 50}},
    )


class BatchRow(Base):
    """One batch as it was sent, with the answer."""

    __tablename__ = "batch"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.String(32))
    sent_at: Mapped[datetime]
    integration_version: Mapped[int] = mapped_column(sa.Integer)
    size: Mapped[int] = mapped_column(sa.Integer)
    outcome: Mapped[str] = mapped_column(sa.String(20))
    status: Mapped[int | None] = mapped_column(sa.Integer)
    message: Mapped[str] = mapped_column(sa.Text)
    milliseconds: Mapped[int]

    __table_args__ = (sa.Index(None, "project_id", "sent_at"),)


class RunRow(Base):
    """What a job did, with its counts."""

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    job: Mapped[str] = mapped_column(sa.String(20))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(sa.String(20))
    counts: Mapped[dict[str, Any]]

    __table_args__ = (sa.Index(None, "started_at"),)


class TokenRow(Base):
    """A bearer token of one project's call platform, stored as a hash.

    ``expires_at`` is null if it never does; ``last_used_at`` is a quarter of an hour late at most.
    """

    __tablename__ = "token"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token_id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(200))
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class UserAccountRow(Base):
    """Who may look at the dashboard, of the whole installation of this software: no project's.

    ``stamp`` changes with the password. A login carries the one that it began with, and ends
    when that is not the user's any more.
    """

    __tablename__ = "user_account"

    name: Mapped[str] = mapped_column(sa.String(MAX_NAME), primary_key=True)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    stamp: Mapped[str] = mapped_column(sa.String(32))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
