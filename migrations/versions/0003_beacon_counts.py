"""What the beacon endpoint accepted and refused, and whether Global Privacy Control counts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rows without beacons only reserve an origin's name (collector/storage/beacon_counts.py).
BEACONS_DAILY = """
CREATE VIEW report_beacons_daily AS
SELECT project_id, day, outcome, origin, beacons, last_at
FROM beacon_count
WHERE beacons > 0
"""


def upgrade() -> None:
    # The default stays: SQLite could only drop it by building the table anew.
    op.add_column(
        "installation",
        sa.Column("honour_gpc", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    op.create_table(
        "beacon_count",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("origin", sa.String(length=270), nullable=False),
        sa.Column("beacons", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", "outcome", "origin", name="beacon_count_pk"),
    )
    op.execute(BEACONS_DAILY)


def downgrade() -> None:
    op.execute("DROP VIEW report_beacons_daily")
    op.drop_table("beacon_count")
    op.drop_column("installation", "honour_gpc")
