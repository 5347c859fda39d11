"""What is held against forged sessions: an index for flooded keys, and secrets that sign keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from collector.storage import comments, online

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NAME = "sighting_seen_again_ix"
COLUMNS = ("signing_secrets", "signed_kinds")

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    online.create_index(
        NAME,
        "sighting",
        ["project_id", "kind", "value", "first_seen"],
        postgresql_where=sa.text("last_seen > first_seen"),
        sqlite_where=sa.text("last_seen > first_seen"),
    )
    for column in COLUMNS:
        op.add_column("installation", sa.Column(column, Json, nullable=False, server_default="[]"))
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    op.drop_index(NAME, table_name="sighting")
    for column in reversed(COLUMNS):
        op.drop_column("installation", column)
    comments.write(op.get_bind(), down_revision)
