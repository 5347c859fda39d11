"""Tombstones of those who were forgotten, and the numbers that their calls had been given."""

import sqlalchemy as sa
from alembic import op

from collector.storage import comments

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "installation",
        sa.Column("forgettings", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "tombstone",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "kind", "hash", name="tombstone_pk"),
    )
    op.create_table(
        "spent_number",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("enrichment_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "project_id",
            "user_id",
            "session_number",
            "enrichment_number",
            name="spent_number_pk",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "user_id", "session_number"],
            ["session.project_id", "session.user_id", "session.session_number"],
            name="spent_number_session_fk",
            ondelete="CASCADE",
        ),
    )
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    op.drop_table("spent_number")
    op.drop_table("tombstone")
    op.drop_column("installation", "forgettings")
