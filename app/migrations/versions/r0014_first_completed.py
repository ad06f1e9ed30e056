"""When a meeting was complete for the first time."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; what is complete now has been so since then, as far as anybody knows."""
    op.add_column("meeting", sa.Column("first_completed_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE meeting SET first_completed_at = completed_at WHERE completed_at IS NOT NULL"
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("meeting", "first_completed_at")
