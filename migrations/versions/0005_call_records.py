"""What call records tell besides, where they came from, and those that could not be read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

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
    e.accepted_at{more}
FROM call c
LEFT JOIN enrichment e ON e.project_id = c.project_id AND e.call_id = c.call_id
    AND e.state <> 'superseded'
"""

MORE = """,
    c.source,
    c.answered,
    c.value,
    c.caller,
    c.caller_key"""

# Not the record itself, which is encrypted: `collector calls refused` shows it.
REFUSED = """
CREATE VIEW report_refused AS
SELECT
    project_id,
    refused_at,
    first_at,
    source,
    origin,
    number,
    call_id,
    code,
    message,
    times
FROM refused_record
"""


def upgrade() -> None:
    op.execute("DROP VIEW report_calls")
    for column in (
        sa.Column("source", sa.String(length=30), nullable=False, server_default="own"),
        sa.Column("answered", sa.Boolean(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("caller", sa.String(length=64), nullable=True),
        sa.Column("caller_key", sa.String(length=8), nullable=True),
    ):
        op.add_column("call", column)
    op.create_index(
        "call_project_id_caller_started_at_ix", "call", ["project_id", "caller", "started_at"]
    )
    op.execute(CALLS.format(more=MORE))
    op.create_table(
        "refused_record",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("refusal_id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=30), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.String(length=100), nullable=True),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("refused_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "refusal_id", name="refused_record_pk"),
    )
    op.create_index(
        "refused_record_project_id_refused_at_ix", "refused_record", ["project_id", "refused_at"]
    )
    op.create_index(
        "refused_record_project_id_call_id_ix", "refused_record", ["project_id", "call_id"]
    )
    op.execute(REFUSED)
    op.create_table(
        "webhook",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("preset", sa.String(length=30), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "preset", name="webhook_pk"),
    )
    op.create_table(
        "pull",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pulled_until", MOMENT, nullable=True),
        sa.Column("pulled_at", MOMENT, nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", name="pull_pk"),
    )


def downgrade() -> None:
    op.drop_table("pull")
    op.drop_table("webhook")
    op.execute("DROP VIEW report_refused")
    op.drop_table("refused_record")
    op.execute("DROP VIEW report_calls")
    op.drop_index("call_project_id_caller_started_at_ix", "call")
    for column in ("caller_key", "caller", "value", "answered", "source"):
        op.drop_column("call", column)
    op.execute(CALLS.format(more=""))
