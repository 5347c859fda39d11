"""Tokens expire and tell when they were last used; of webhooks two secrets may be good at once."""

import sqlalchemy as sa
from alembic import op

from collector.storage import comments

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    # Of a token of before nobody has said when it ends: it goes on until it is revoked.
    op.add_column("token", sa.Column("expires_at", moment))
    op.add_column("token", sa.Column("last_used_at", moment))
    op.add_column("webhook", sa.Column("earlier_secret", sa.Text))
    op.add_column("webhook", sa.Column("earlier_until", moment))
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    op.drop_column("webhook", "earlier_until")
    op.drop_column("webhook", "earlier_secret")
    op.drop_column("token", "last_used_at")
    op.drop_column("token", "expires_at")
