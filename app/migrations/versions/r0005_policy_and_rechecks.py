"""Planned meetings that the policy sets to be recorded, and when transcripts were compared."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the columns."""
    moment = sa.DateTime(timezone=True)
    op.add_column("meeting", sa.Column("scheduled_type", sa.String(), nullable=True))
    op.add_column("ingest", sa.Column("rechecked_at", moment, nullable=True))
    op.create_table(
        "auto_record",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("meeting_id", sa.String(), nullable=False, unique=True),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("host_email", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("start_at", moment, nullable=True),
        sa.Column("flip", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", moment, nullable=True, index=True),
        sa.Column("switched_at", moment, nullable=True),
        sa.Column("undone_at", moment, nullable=True),
        sa.Column("updated_at", moment, nullable=False),
    )


def downgrade() -> None:
    """Drop them; what was switched on at Webex stays so."""
    op.drop_table("auto_record")
    op.drop_column("ingest", "rechecked_at")
    op.drop_column("meeting", "scheduled_type")
