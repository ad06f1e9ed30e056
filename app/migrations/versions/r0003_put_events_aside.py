"""Why an event was put aside, and indexes whose cost does not grow with what waits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNREAD = sa.text("outcome IS NULL")
_PUT_ASIDE = sa.text("error_code IS NOT NULL")
_WAITING = sa.text("state = 'waiting'")
_STALE = sa.text("manifest_revision < revision")
_STALE_IN_FOLDER = sa.text("manifest_revision < revision AND folder IS NOT NULL")


def upgrade() -> None:
    """Add the reason; no table is made anew, so that this is quick however many rows there are."""
    op.add_column("webhook_event", sa.Column("error_code", sa.String(), nullable=True))
    op.add_column("webhook_event", sa.Column("error", sa.Text(), nullable=True))
    _create_index("ix_webhook_event_put_aside", "webhook_event", ["processed_at"], _PUT_ASIDE)
    _create_index("ix_ingest_due", "ingest", ["queue", "next_attempt_at"], _WAITING)
    op.drop_index("ix_webhook_event_new", "webhook_event")
    _create_index("ix_webhook_event_new", "webhook_event", ["next_attempt_at", "id"], _UNREAD)
    op.drop_index("ix_meeting_stale_manifest", "meeting")
    _create_index("ix_meeting_stale_manifest", "meeting", ["id"], _STALE_IN_FOLDER)


def downgrade() -> None:
    """Drop the reason."""
    op.drop_index("ix_meeting_stale_manifest", "meeting")
    _create_index("ix_meeting_stale_manifest", "meeting", ["id"], _STALE)
    op.drop_index("ix_webhook_event_new", "webhook_event")
    _create_index("ix_webhook_event_new", "webhook_event", ["next_attempt_at"], _UNREAD)
    op.drop_index("ix_ingest_due", "ingest")
    op.drop_index("ix_webhook_event_put_aside", "webhook_event")
    op.drop_column("webhook_event", "error")
    op.drop_column("webhook_event", "error_code")


def _create_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
