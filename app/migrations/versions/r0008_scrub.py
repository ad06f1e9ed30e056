"""When the files of a meeting were last read, what is damaged, and how far the scrub is."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns, their indexes and the table; what is stored counts as read back then."""
    moment = sa.DateTime(timezone=True)
    op.add_column("meeting", sa.Column("verified_at", moment, nullable=True))
    op.add_column("file", sa.Column("damage", sa.String(), nullable=True))
    _index("ix_meeting_verified", "meeting", "verified_at", "first_seen_at", "id", of="folder")
    _index("ix_file_damaged", "file", "id", of="damage")
    op.create_table(
        "scrub",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("held_until", moment, nullable=False),
        sa.Column("paid_until", moment, nullable=False),
        sa.Column("meeting_row_id", sa.Integer(), nullable=True),
        sa.Column("begun_at", moment, nullable=True),
        sa.Column("path", sa.String(), nullable=False),
    )


def _index(name: str, table: str, *columns: str, of: str) -> None:
    where = sa.text(f"{of} IS NOT NULL")
    op.create_index(name, table, [*columns], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them: everything counts as never read again."""
    op.drop_table("scrub")
    op.drop_index("ix_file_damaged", "file")
    op.drop_index("ix_meeting_verified", "meeting")
    op.drop_column("file", "damage")
    op.drop_column("meeting", "verified_at")
