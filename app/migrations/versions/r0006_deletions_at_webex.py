"""When an item was wholly stored, since when Webex has deleted it, and an index of items."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ingest = sa.table(
    "ingest",
    *map(sa.column, ("state", "reason", "ended_at", "updated_at", "stored_at", "gone_at")),
)


def upgrade() -> None:
    """Make the columns, with what the rows tell already."""
    moment = sa.DateTime(timezone=True)
    op.add_column("ingest", sa.Column("stored_at", moment, nullable=True))
    op.add_column("ingest", sa.Column("gone_at", moment, nullable=True))
    where = sa.text("resource_id <> ''")
    op.create_index(
        "ix_ingest_item", "ingest", ["resource_id"], sqlite_where=where, postgresql_where=where
    )
    is_done, is_gone = _ingest.c.state == "done", _ingest.c.reason == "deleted_at_source"
    op.execute(_ingest.update().where(is_done).values(stored_at=_ingest.c.ended_at))
    op.execute(_ingest.update().where(is_gone).values(gone_at=_ingest.c.updated_at))


def downgrade() -> None:
    """Drop them; the reasons still tell of what was deleted."""
    op.drop_index("ix_ingest_item", "ingest")
    op.drop_column("ingest", "gone_at")
    op.drop_column("ingest", "stored_at")
