"""Databases of earlier versions: at any revision, with a row in every table."""

from typing import Any

from alembic import command
from sqlalchemy import MetaData, insert

from app.db.engine import Database
from app.db.schema import _config
from tests.db.rows import NOW, PATIENCE

REVISIONS = tuple(f"{number:04}" for number in range(1, 15))
MADE_BY = {
    "0004": {"account"},
    "0005": {"auto_record"},
    "0007": {"backfill_cursor"},
    "0008": {"scrub"},
    "0012": {"operator_session", "api_token", "throttle"},
}
MADE_SINCE = {
    each: set().union(*(made for by, made in MADE_BY.items() if by > each)) for each in REVISIONS
}
"""The tables that a database of a revision does not have yet."""

_ITEM = {"meeting_row_id": 1, "resource": "recordings", "resource_id": "r1"}
ROWS: dict[str, dict[str, Any]] = {
    "meeting": {
        "id": 1,
        "meeting_id": "a1_I_1",
        "account": "somebody",
        "title": "Weekly sync",
        "details_known": True,
        "folder": "example.webex.com/a1_I_1",
        "source": "webhook",
        "revision": 3,
        "manifest_revision": 2,
        "first_completed_at": NOW,
        "verified_at": NOW,
        "start_at": NOW,
        "first_seen_at": NOW,
    },
    "ingest": {
        **_ITEM,
        "id": 1,
        "account": "somebody",
        "queue": "transfer",
        "priority": "0-fresh",
        "state": "waiting",
        "stage": "video",
        "attempt": 2,
        "looks": 0,
        "tries": 1,
        "lost": 0,
        "next_attempt_at": NOW,
        "opened_at": NOW,
        "patience_until": PATIENCE,
        "woken": False,
        "bytes_done": 5_000_000_000,
        "bytes_synced": 4_000_000_000,
        "bytes_per_second": 3_000_000_000,
        "updated_at": NOW,
    },
    "file": {
        **_ITEM,
        "id": 1,
        "kind": "video",
        "path": "recordings/r1.mp4",
        "file_version": 1,
        "bytes": 6_000_000_000,
        "sha256": "0" * 64,
        "source": "video|1",
        "stored_at": NOW,
        "damage": "changed",
    },
    "participant": {
        "id": 1,
        "meeting_row_id": 1,
        "participant_id": "p1",
        "email": "guest@example.com",
        "host": False,
        "co_host": True,
        "joined_at": NOW,
    },
    "snippet": {
        "id": 1,
        "meeting_row_id": 1,
        "transcript_id": "t1",
        "position": 0,
        "snippet_id": "s1",
        "offset_milliseconds": 9_000_000_000,
        "participant_row_id": 1,
        "text": "Hello.",
    },
    "webhook_event": {
        "id": 1,
        "digest": "0" * 64,
        "resource": "recordings",
        "event": "created",
        "data_id": "r1",
        "body": "{}",
        "first_received_at": NOW,
        "last_received_at": NOW,
        "deliveries": 2,
        "tries": 20,
        "next_attempt_at": NOW,
        "outcome": "unresolved",
        "error_code": "not_found",
        "error": "Webex does not know it",
        "processed_at": NOW,
    },
    "account": {
        "id": 1,
        "name": "sales",
        "client_id": "c1",
        "refresh_token": "sealed",
        "generation": 3,
        "renew_at": NOW,
        "refresh_expires_at": PATIENCE,
        "person_id": "p1",
        "email": "host@example.com",
        "added_at": NOW,
    },
    "auto_record": {
        "id": 1,
        "meeting_id": "b1",
        "account": "sales",
        "flip": "switched_on",
        "rule": "rule 1",
        "tries": 0,
        "switched_at": NOW,
        "updated_at": NOW,
    },
    "backfill_cursor": {
        "id": 1,
        "purpose": "beat",
        "account": "",
        "resource": "recordings",
        "site_url": "",
        "since": NOW,
        "until": NOW,
        "reached": NOW,
        "begun_at": NOW,
        "updated_at": NOW,
    },
    "scrub": {
        "id": 1,
        "turn": 3,
        "held_until": NOW,
        "paid_until": PATIENCE,
        "meeting_row_id": 1,
        "begun_at": NOW,
        "path": "recordings/r1.mp4",
    },
    "tick": {"name": "sweep", "at": NOW},
    "operator_session": {
        "digest": "0" * 64,
        "password": "1" * 64,
        "created_at": NOW,
        "last_seen_at": NOW,
        "expires_at": PATIENCE,
    },
    "api_token": {
        "id": 1,
        "name": "prometheus",
        "digest": "0" * 64,
        "scopes": "read",
        "created_at": NOW,
        "last_used_at": NOW,
    },
    "throttle": {"name": "peer:192.0.2.7", "spent_until": NOW.timestamp()},
}


def to_revision(database: Database, revision: str, move: Any = command.upgrade) -> None:
    """Bring a database to some revision; ``move`` may also go down."""
    config = _config()
    with database.transaction() as session:
        config.attributes["connection"] = session.connection()
        move(config, revision)


def fill(database: Database) -> dict[str, dict[str, Any]]:
    """A row in every table that there is, with what it has columns for; what was put in."""
    tables = MetaData()
    tables.reflect(database.engine, only=lambda name, _: name in ROWS)
    filled: dict[str, dict[str, Any]] = {}
    with database.transaction() as session:
        for table in tables.sorted_tables:
            row = {name: value for name, value in ROWS[table.name].items() if name in table.c}
            session.execute(insert(table), [row])
            filled[table.name] = row
    return filled
