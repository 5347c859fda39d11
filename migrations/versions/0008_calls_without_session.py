"""An index of the calls without a session, which the job holds against what was seen of late."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME = "call_without_session_ix"


def upgrade() -> None:
    op.create_index(
        NAME,
        "call",
        ["project_id", "started_at", "call_id", "verdict"],
        postgresql_where=sa.text("verdict IN ('unmatched', 'ambiguous')"),
        sqlite_where=sa.text("verdict IN ('unmatched', 'ambiguous')"),
    )


def downgrade() -> None:
    op.drop_index(NAME, table_name="call")
