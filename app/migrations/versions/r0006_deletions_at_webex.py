"""When an item was wholly stored, since when Webex has deleted it, and an index of items."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = ("meeting_row_id", "resource", "resource_id")
_ingest = sa.table(
    "ingest",
    *map(sa.column, (*_KEY, "state", "reason", "ended_at", "updated_at", "stored_at", "gone_at")),
)
_file = sa.table("file", *map(sa.column, (*_KEY, "kind", "stored_at")))


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
    # Of what is open just now, such as an edited transcript, only its files tell it.
    of_it = [_file.c[name] == _ingest.c[name] for name in _KEY]
    stored = sa.select(sa.func.max(_file.c.stored_at)).where(
        *of_it, _file.c.kind.in_(["video", "vtt"])
    )
    is_open = ~is_done & (_ingest.c.resource_id != "")
    op.execute(_ingest.update().where(is_open).values(stored_at=stored.scalar_subquery()))
    op.execute(_ingest.update().where(is_gone).values(gone_at=_ingest.c.updated_at))


def downgrade() -> None:
    """Drop them; the reasons still tell of what was deleted."""
    op.drop_index("ix_ingest_item", "ingest")
    op.drop_column("ingest", "gone_at")
    op.drop_column("ingest", "stored_at")
