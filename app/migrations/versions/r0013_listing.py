"""Indexes of meetings in the order of the list, and of why ingests stand as they do."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PLACE = (sa.text("coalesce(start_at, first_seen_at)"), "id")
_INDEXES = (
    ("ix_meeting_moment", "meeting", _PLACE, None),
    ("ix_meeting_host", "meeting", (sa.text("lower(host_email)"), *_PLACE), None),
    ("ix_meeting_site", "meeting", ("site_url", *_PLACE), None),
    ("ix_meeting_account", "meeting", ("account", *_PLACE), None),
    ("ix_meeting_open", "meeting", _PLACE, "completed_at IS NULL"),
    ("ix_meeting_complete", "meeting", _PLACE, "completed_at IS NOT NULL"),
    ("ix_meeting_in_progress", "meeting", _PLACE, "webex_state = 'inProgress'"),
    ("ix_ingest_reason", "ingest", ("reason", "meeting_row_id"), "reason IS NOT NULL"),
    ("ix_ingest_error", "ingest", ("error_code", "meeting_row_id"), "error_code IS NOT NULL"),
)


def upgrade() -> None:
    """Make them, and let the index of states tell the meetings; no row changes."""
    _index_states("state", "meeting_row_id")
    for name, table, columns, which in _INDEXES:
        where = sa.text(which) if which else None
        op.create_index(name, table, list(columns), sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    for name, table, _, _ in _INDEXES:
        op.drop_index(name, table)
    _index_states("state")


def _index_states(*columns: str) -> None:
    op.drop_index("ix_ingest_state", "ingest")
    op.create_index("ix_ingest_state", "ingest", list(columns))
