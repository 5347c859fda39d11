"""Calls that moved to another session, what is in doubt, and how an installation's version does."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

STATES = "state IN ('pending', 'accepted', 'rejected', 'expired', 'invalid'{})"
UNIQUE = "enrichment_project_id_call_id_uq"
STATE_BEFORE = "enrichment_enrichment_state_ck_ck"  # as the naming convention made it in 0001
STATE = "enrichment_state_ck"

SESSIONS = """
CREATE VIEW report_sessions AS
SELECT
    s.project_id,
    s.user_id,
    s.session_number,
    s.user_id || '.' || s.session_number AS session_key,
    s.first_seen,
    s.last_seen,
    s.beacons,
    (SELECT count(*) FROM sighting k
      WHERE k.project_id = s.project_id AND k.user_id = s.user_id
        AND k.session_number = s.session_number) AS match_keys,
    (SELECT count(*) FROM call c
      WHERE c.project_id = s.project_id AND c.user_id = s.user_id
        AND c.session_number = s.session_number) AS calls,
    (SELECT count(*) FROM enrichment e
      WHERE e.project_id = s.project_id AND e.user_id = s.user_id
        AND e.session_number = s.session_number AND e.accepted_revision > 0) AS enrichments
FROM session s
"""

CALLS = """
CREATE VIEW report_calls AS
SELECT
    c.project_id,
    c.call_id,
    c.started_at,
    c.ended_at,
    c.received_at,
    c.changed_at,
    c.verdict,
    c.reason,
    c.detail,
    c.decided_at,
    c.rule,
    c.user_id,
    c.session_number,
    c.user_id || '.' || c.session_number AS session_key,
    e.enrichment_number,
    e.revision,
    e.accepted_revision,
    e.integration_version,
    e.deadline,
    e.accepted_at
FROM call c
LEFT JOIN enrichment e ON e.project_id = c.project_id AND e.call_id = c.call_id{current}
"""

ENRICHMENTS = """
CREATE VIEW report_enrichments AS
SELECT
    e.project_id,
    e.user_id,
    e.session_number,
    e.user_id || '.' || e.session_number AS session_key,
    e.enrichment_number,
    e.call_id,
    e.state,
    e.revision,
    e.accepted_revision,
    e.integration_version,
    e.payload,
    e.attempts,
    e.deadline,
    e.created_at,
    e.changed_at,
    e.accepted_at,
    b.sent_at,
    b.status,
    b.message
FROM enrichment e
LEFT JOIN batch b ON b.project_id = e.project_id AND b.batch_id = e.batch_id
"""

# What was never sent stands nowhere, and is no concern of an analyst.
SUPERSEDED = """
CREATE VIEW report_superseded AS
SELECT
    e.project_id,
    e.call_id,
    e.user_id,
    e.session_number,
    e.user_id || '.' || e.session_number AS session_key,
    e.enrichment_number,
    CASE WHEN e.accepted_revision > 0 THEN 'yes' ELSE 'perhaps' END AS stands,
    e.accepted_revision,
    e.accepted_at,
    e.changed_at AS superseded_at,
    c.user_id || '.' || c.session_number AS session_key_now,
    c.verdict AS verdict_now
FROM enrichment e
JOIN call c ON c.project_id = e.project_id AND c.call_id = e.call_id
WHERE e.state = 'superseded' AND (e.accepted_revision > 0 OR e.doubtful_revision > 0)
"""

OF_ENRICHMENTS = ("report_enrichments", "report_calls", "report_sessions")


def upgrade() -> None:
    for view in OF_ENRICHMENTS:
        op.execute(f"DROP VIEW {view}")
    # The defaults stay: SQLite could only drop them by building the tables anew.
    op.add_column("installation", sa.Column("proven_version", sa.Integer(), nullable=True))
    op.add_column(
        "installation",
        sa.Column("refused_in_row", sa.Integer(), nullable=False, server_default="0"),
    )
    # Keys that were seen again are looked for too, and not only those seen newly.
    op.drop_index("sighting_project_id_first_seen_ix", "sighting")
    op.create_index("sighting_project_id_last_seen_ix", "sighting", ["project_id", "last_seen"])
    op.add_column("call", sa.Column("match_hash", sa.String(length=32), nullable=True))
    for column in _new_columns():
        op.add_column("enrichment", column)
    op.execute(
        "UPDATE enrichment SET accepted_hash = payload_hash, "
        "accepted_version = integration_version WHERE state = 'accepted'"
    )
    op.execute(
        "UPDATE installation SET proven_version = integration_version WHERE EXISTS (SELECT 1 "
        "FROM enrichment e WHERE e.project_id = installation.project_id AND e.state = 'accepted' "
        "AND e.integration_version = installation.integration_version)"
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(", 'superseded'")
    else:
        op.drop_constraint(UNIQUE, "enrichment")
        _replace_states(STATE_BEFORE, STATE, ", 'superseded'")
    op.create_index(
        "enrichment_current_uq",
        "enrichment",
        ["project_id", "call_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'superseded'"),
        sqlite_where=sa.text("state <> 'superseded'"),
    )
    # A call's superseded enrichments are found by it too.
    op.create_index("enrichment_project_id_call_id_ix", "enrichment", ["project_id", "call_id"])
    op.execute(SESSIONS)
    op.execute(CALLS.format(current="\n    AND e.state <> 'superseded'"))
    op.execute(ENRICHMENTS)
    op.execute(SUPERSEDED)


def downgrade() -> None:
    for view in ("report_superseded", *OF_ENRICHMENTS):
        op.execute(f"DROP VIEW {view}")
    # What stands in a session that its call has left cannot be said any more.
    op.execute("DELETE FROM enrichment WHERE state = 'superseded'")
    for name in ("enrichment_current_uq", "enrichment_project_id_call_id_ix"):
        op.drop_index(name, "enrichment")
    for column in _new_columns():
        op.drop_column("enrichment", column.name)
    if op.get_bind().dialect.name == "sqlite":
        _rebuild("", sa.UniqueConstraint("project_id", "call_id", name=UNIQUE))
    else:
        op.create_unique_constraint(UNIQUE, "enrichment", ["project_id", "call_id"])
        _replace_states(STATE, STATE_BEFORE, "")
    op.drop_column("call", "match_hash")
    op.drop_index("sighting_project_id_last_seen_ix", "sighting")
    op.create_index("sighting_project_id_first_seen_ix", "sighting", ["project_id", "first_seen"])
    for name in ("proven_version", "refused_in_row"):
        op.drop_column("installation", name)
    op.execute(SESSIONS)
    op.execute(CALLS.format(current=""))
    op.execute(ENRICHMENTS)


def _new_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("accepted_hash", sa.String(length=32), nullable=True),
        sa.Column("accepted_version", sa.Integer(), nullable=True),
        sa.Column("doubtful_revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("doubtful_since", MOMENT, nullable=True),
    ]


def _replace_states(before: str, name: str, more: str) -> None:
    op.drop_constraint(op.f(before), "enrichment")
    op.create_check_constraint(op.f(name), "enrichment", sa.text(STATES.format(more)))


def _rebuild(more: str, *constraints: sa.UniqueConstraint) -> None:
    """SQLite can neither drop a constraint nor change one: the table is written anew."""
    columns = [
        sa.Column(
            column["name"],
            column["type"],
            nullable=column["nullable"],
            server_default=column["default"] and sa.text(column["default"]),
        )
        for column in sa.inspect(op.get_bind()).get_columns("enrichment")
    ]
    op.create_table(
        "enrichment_new",
        *columns,
        *constraints,
        sa.CheckConstraint(STATES.format(more), name=op.f(STATE)),
        sa.CheckConstraint("enrichment_number BETWEEN 1 AND 3", name=op.f("enrichment_number_ck")),
        sa.ForeignKeyConstraint(
            ["project_id", "call_id"],
            ["call.project_id", "call.call_id"],
            name="enrichment_call_fk",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
            name="enrichment_session_fk",
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "user_id", "session_number", "enrichment_number", name="enrichment_pk"
        ),
    )
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO enrichment_new ({names}) SELECT {names} FROM enrichment")  # noqa: S608 - names of columns
    op.drop_table("enrichment")
    op.rename_table("enrichment_new", "enrichment")
    op.create_index(
        "enrichment_pending_ix",
        "enrichment",
        ["project_id", "deadline"],
        sqlite_where=sa.text("state = 'pending'"),
    )
