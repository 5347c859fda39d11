"""The tables: what is seen, what was called, and what becomes of each call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("integration_version", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "batch_id", name="batch_pk"),
    )
    op.create_index("batch_project_id_sent_at_ix", "batch", ["project_id", "sent_at"])

    op.create_table(
        "call",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("call_id", sa.String(length=100), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=True),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("examine", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=True),
        sa.Column("session_number", sa.Integer(), nullable=True),
        sa.Column("rule", sa.String(length=30), nullable=True),
        sa.Column("evidence", JSON, nullable=True),
        sa.CheckConstraint(
            "verdict IN ('waiting', 'unmatched', 'ambiguous', 'invalid', 'over_limit', "
            "'pending', 'rejected', 'expired', 'accepted')",
            name="call_verdict_ck",
        ),
        sa.PrimaryKeyConstraint("project_id", "call_id", name="call_pk"),
    )
    op.create_index(
        "call_examine_ix",
        "call",
        ["project_id", "started_at", "call_id"],
        postgresql_where=sa.text("examine"),
        sqlite_where=sa.text("examine = 1"),
    )
    op.create_index("call_project_id_started_at_ix", "call", ["project_id", "started_at"])
    op.create_index(
        "call_project_id_user_id_session_number_ix",
        "call",
        ["project_id", "user_id", "session_number"],
    )
    op.create_index("call_project_id_verdict_ix", "call", ["project_id", "verdict"])

    op.create_table(
        "installation",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("integration_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=False),
        sa.Column("integration_version", sa.Integer(), nullable=False),
        sa.Column("origins", JSON, nullable=False),
        sa.Column("region", sa.String(length=2), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("searched_until", MOMENT, nullable=True),
        sa.Column("send_after", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_number", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="installation_pk"),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("job", sa.String(length=20), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="run_pk"),
    )
    op.create_index("run_started_at_ix", "run", ["started_at"])

    op.create_table(
        "session",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.Column("beacons", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user_id", "session_number", name="session_pk"),
    )
    op.create_index("session_project_id_first_seen_ix", "session", ["project_id", "first_seen"])

    op.create_table(
        "token",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token_id", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "token_id", name="token_pk"),
    )
    op.create_table(
        "call_key",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("call_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "call_id"],
            ["call.project_id", "call.call_id"],
            name="call_key_call_fk",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "call_id", "kind", name="call_key_pk"),
    )
    op.create_index(
        "call_key_project_id_kind_value_ix", "call_key", ["project_id", "kind", "value"]
    )

    op.create_table(
        "enrichment",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("enrichment_number", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=100), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("payload_hash", sa.String(length=32), nullable=False),
        sa.Column("integration_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("accepted_revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("deadline", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=True),
        sa.Column("batch_id", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'rejected', 'expired', 'invalid')",
            name="enrichment_state_ck",
        ),
        sa.CheckConstraint("enrichment_number BETWEEN 1 AND 3", name="enrichment_number_ck"),
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
        sa.UniqueConstraint("project_id", "call_id", name="enrichment_project_id_call_id_uq"),
    )
    op.create_index(
        "enrichment_pending_ix",
        "enrichment",
        ["project_id", "deadline"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )

    op.create_table(
        "sighting",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
            name="sighting_session_fk",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "kind", "value", "user_id", "session_number", name="sighting_pk"
        ),
    )
    op.create_index(
        "sighting_project_id_kind_value_last_seen_ix",
        "sighting",
        ["project_id", "kind", "value", "last_seen"],
    )
    op.create_index("sighting_project_id_first_seen_ix", "sighting", ["project_id", "first_seen"])
    op.create_index(
        "sighting_project_id_user_id_session_number_ix",
        "sighting",
        ["project_id", "user_id", "session_number"],
    )


def downgrade() -> None:

    op.drop_table("sighting")

    op.drop_table("enrichment")

    op.drop_table("call_key")
    op.drop_table("token")

    op.drop_table("session")

    op.drop_table("run")
    op.drop_table("installation")

    op.drop_table("call")

    op.drop_table("batch")
