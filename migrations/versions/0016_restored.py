"""When a database was put back from a backup, which has forgotten the numbers given since."""

import sqlalchemy as sa
from alembic import op

from collector.storage import comments

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("restored_at", sa.DateTime(timezone=True)))
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    op.drop_column("installation", "restored_at")
    comments.write(op.get_bind(), down_revision)
