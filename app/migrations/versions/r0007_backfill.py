"""How far each list that Webex keeps was read for backfill."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "backfill_cursor",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("site_url", sa.String(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("reached", moment, nullable=False),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.UniqueConstraint("purpose", "account", "resource", "site_url"),
    )


def downgrade() -> None:
    """Drop it: what was found stays."""
    op.drop_table("backfill_cursor")
