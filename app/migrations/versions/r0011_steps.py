"""What happened to each meeting, added by triggers, the feed of it, and when items began."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ADD = (
    "INSERT INTO step (meeting_row_id, at, what, resource, resource_id, reason, detail, bytes) "
    "SELECT "
)
_INGEST = "new.meeting_row_id, {at}, {what}, new.resource, new.resource_id, {why}"
_WHAT = (
    "CASE WHEN new.state = 'waiting' AND old.state <> 'running' THEN 'reopened' ELSE new.state END"
)
# A pause that goes on is told once, however often it is looked whether it is over.
_IS_NEWS = (
    "old.state <> new.state AND new.state <> 'running' AND (new.state <> 'waiting' "
    "OR old.state <> 'running' OR new.looks <> old.looks OR new.tries <> old.tries "
    "OR coalesce(new.reason, '') <> coalesce(old.reason, '') "
    "OR coalesce(new.error_code, '') <> coalesce(old.error_code, ''))"
)

_TRIGGERS = (
    # name, when it runs, its condition, what it adds
    (
        "step_known",
        "INSERT ON meeting",
        "",
        "new.id, new.first_seen_at, 'known', '', '', new.source, NULL, NULL",
    ),
    (
        "step_complete",
        "UPDATE OF completed_at ON meeting",
        "old.completed_at IS NULL AND new.completed_at IS NOT NULL",
        "new.id, new.completed_at, 'complete', '', '', NULL, NULL, NULL",
    ),
    (
        "step_found",
        "INSERT ON ingest",
        "new.resource_id <> ''",
        _INGEST.format(at="new.opened_at", what="'found'", why="NULL, NULL, NULL"),
    ),
    (
        "step_ended",
        "UPDATE OF state ON ingest",
        _IS_NEWS,
        _INGEST.format(
            at="new.updated_at",
            what=_WHAT,
            why="coalesce(new.error_code, new.reason), new.error, NULL",
        ),
    ),
    (
        "step_gone",
        "UPDATE OF gone_at ON ingest",
        "old.gone_at IS NULL AND new.gone_at IS NOT NULL",
        _INGEST.format(at="new.gone_at", what="'gone'", why="NULL, NULL, NULL"),
    ),
    (
        "step_stored",
        "INSERT ON file",
        "",
        _INGEST.format(at="new.stored_at", what="'stored'", why="new.kind, new.path, new.bytes"),
    ),
)


def upgrade() -> None:
    """Make the tables and their triggers; of what is there, say since when it is known."""
    moment = sa.DateTime(timezone=True)
    large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "step",
        sa.Column("id", large, primary_key=True),
        sa.Column(
            "meeting_row_id",
            sa.Integer(),
            sa.ForeignKey("meeting.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("at", moment, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False, server_default=""),
        sa.Column("resource_id", sa.String(), nullable=False, server_default=""),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
    )
    op.add_column("ingest", sa.Column("recorded_at", moment, nullable=True))
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(feed, [{"id": 1, "name": secrets.token_hex(4), "last": 0}])
    for trigger in _TRIGGERS:
        _create_trigger(*trigger)
    _tell_what_is_there()
    op.create_index("ix_step_meeting", "step", ["meeting_row_id", "id"])
    _index("ix_step_unnumbered", "id", "position IS NULL AND what <> 'waiting'")
    _index("ix_step_position", "position", "position IS NOT NULL", unique=True)


def downgrade() -> None:
    """Drop it all; what happened is forgotten, and how everything stands is not."""
    for name, event, _, _ in _TRIGGERS:
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {event.rsplit(' ', 1)[1]}")
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("feed")
    op.drop_table("step")
    op.drop_column("ingest", "recorded_at")


def _tell_what_is_there() -> None:
    """The steps that rows of earlier versions still show, in the order in which they happened."""
    no_size = "CAST(NULL AS BIGINT)"
    nothing = f"NULL, NULL, {no_size}"
    op.execute(
        f"{_ADD} * FROM ("  # noqa: S608
        f"SELECT id, first_seen_at AS at, 'known', '', '', source, NULL, {no_size} FROM meeting "
        f"UNION ALL SELECT meeting_row_id, opened_at, 'found', resource, resource_id, {nothing} "
        "FROM ingest WHERE resource_id <> '' "
        "UNION ALL SELECT meeting_row_id, stored_at, 'stored', resource, resource_id, kind, path, "
        "bytes FROM file "
        "UNION ALL SELECT meeting_row_id, ended_at, state, resource, resource_id, "
        f"coalesce(error_code, reason), error, {no_size} FROM ingest WHERE ended_at IS NOT NULL "
        f"UNION ALL SELECT id, completed_at, 'complete', '', '', {nothing} FROM meeting "
        "WHERE completed_at IS NOT NULL) AS happened ORDER BY at"
    )


def _index(name: str, column: str, which: str, *, unique: bool = False) -> None:
    where = sa.text(which)
    op.create_index(
        name, "step", [column], unique=unique, sqlite_where=where, postgresql_where=where
    )


def _create_trigger(name: str, event: str, when: str, adds: str) -> None:
    head = f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW"
    head += f" WHEN ({when})" if when else ""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"{head} BEGIN {_ADD}{adds}; END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {_ADD}{adds}; RETURN NULL; END $$"
    )
    op.execute(f"{head} EXECUTE FUNCTION {name}()")
