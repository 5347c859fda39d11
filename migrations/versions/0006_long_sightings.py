"""An index of the sightings that lasted: of keys that many share, the job reads few others."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "sighting_long_ix"


def upgrade() -> None:
    op.create_index(
        NAME,
        "sighting",
        ["project_id", "kind", "value", "last_seen"],
        postgresql_where=sa.text("last_seen - first_seen > interval '1 hour'"),
        sqlite_where=sa.text("julianday(last_seen) - julianday(first_seen) > 0.04"),
    )


def downgrade() -> None:
    op.drop_index(NAME, table_name="sighting")
