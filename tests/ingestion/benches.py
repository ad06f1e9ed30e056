"""A workbench without a Webex: for what needs only the database and the archive."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.config import load_settings
from app.ingestion.events import receive_event
from app.ingestion.inbox import ask_about_events, work_through_events
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting, WebhookEvent
from app.runtime import build_runtime
from tests.processes import free_port

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def make_bench(folder: Path, database_url: str, **settings: Any) -> Workbench:
    """Tools whose Webex and whose broker nobody answers for."""
    told = {
        "webex_api_url": f"http://127.0.0.1:{free_port()}/v1",
        "webex_access_token": "a-token-for-tests",
        "database_url": database_url,
        "celery_broker_url": f"redis://127.0.0.1:{free_port()}/0",
        "archive_dir": folder / "archive",
        "disk_reserve_bytes": 0,
        "extra_resources": (),
    }
    return build_runtime(load_settings(**(told | settings)), clock=lambda: NOW).bench


def deliver(bench: Workbench, resource: str, event: str, **data: Any) -> None:
    """What the door does with one delivery."""
    raw = json.dumps({"resource": resource, "event": event, "data": data}).encode()
    receive_event(bench, raw, None, secrets=(), unsigned_allowed=True)


def work_through(bench: Workbench) -> None:
    """What a sweep does with events."""
    ask_about_events(bench, work_through_events(bench))


def stored_events(bench: Workbench) -> list[WebhookEvent]:
    """The inbox, oldest first."""
    with bench.database.reading() as session:
        return list(session.scalars(select(WebhookEvent).order_by(col(WebhookEvent.id))))


def rows_of(bench: Workbench, meeting_id: str) -> dict[tuple[str, str], str]:
    """The state of every resource of a meeting."""
    with bench.database.reading() as session:
        rows = session.scalars(
            select(Ingest)
            .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
            .where(col(Meeting.meeting_id) == meeting_id)
        )
        return {(row.resource, row.resource_id): row.state for row in rows}
