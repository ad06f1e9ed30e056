"""How fast a running transfer is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the speed; rows that are there have none."""
    op.add_column("ingest", sa.Column("bytes_per_second", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the speed."""
    op.drop_column("ingest", "bytes_per_second")
