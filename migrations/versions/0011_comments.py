"""Tables, views and columns say what they mean; two views of match keys; what was superseded."""

import sqlalchemy as sa
from alembic import op

from collector.storage import comments

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CALL_KEYS = """
CREATE VIEW report_call_keys AS
SELECT project_id, call_id, kind, value
FROM call_key
"""

SIGHTINGS = """
CREATE VIEW report_sightings AS
SELECT
    project_id,
    kind,
    value,
    user_id,
    session_number,
    user_id || '.' || session_number AS session_key,
    first_seen,
    last_seen
FROM sighting
"""


def upgrade() -> None:
    # With one column SQLite, which has no statistics, would take the primary key instead.
    op.create_index(
        "enrichment_superseded_ix",
        "enrichment",
        ["project_id", "state"],
        postgresql_where=sa.text("state = 'superseded'"),
        sqlite_where=sa.text("state = 'superseded'"),
    )
    op.execute(CALL_KEYS)
    op.execute(SIGHTINGS)
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    comments.erase(op.get_bind(), revision)
    op.execute("DROP VIEW report_sightings")
    op.execute("DROP VIEW report_call_keys")
    op.drop_index("enrichment_superseded_ix", table_name="enrichment")
