"""Meetings in each of the states that people meet, behind a real door."""

from dataclasses import dataclass
from datetime import timedelta

from app.ingestion.sweep import sweep
from app.models.words import Resource
from tests.stage import Stage
from tests.web.rows import Rows


@dataclass(frozen=True, slots=True)
class Gallery:
    """Where it is, and the ids of its meetings."""

    stage: Stage
    rows: Rows
    url: str
    played: str
    heard: str
    failed: str
    waiting: str

    @property
    def pages(self) -> dict[str, str]:
        """Every kind of page, by its name."""
        return {
            "meetings": "/",
            "filtered": "/?state=failed",
            "empty": "/?host=nobody@example.com",
            "meeting": f"/meetings/{self.played}",
            "failed": f"/meetings/{self.failed}",
            "player": f"/meetings/{self.played}/play?t=30",
            "audio": f"/meetings/{self.heard}/play",
            "search": "/search?q=budget",
            "nothing found": "/search?q=nobody-said-that",
            "problems": "/problems",
            "report": "/report",
            "unknown": "/meetings/unknown_I_1",
        }


def gallery_of(stage: Stage) -> Gallery:
    """Hold the meetings, and work until nothing is to be done."""
    rows = Rows(stage.bench.database, stage.now)
    played = stage.hold_meeting(
        title="Quarterly review",
        recordings=[
            {"bytes": 900_000, "starts_after_seconds": 10},
            {"bytes": 300_000, "starts_after_seconds": 200},
        ],
        transcripts=[{"snippets": 24, "starts_after_seconds": 30}],
    )["meeting_id"]
    heard = stage.hold_meeting(
        title="Stand-up", recordings=[{"format": "ARF"}], transcripts=[{"snippets": 5}]
    )["meeting_id"]
    stage.live_until_complete(played)
    stage.live_until_complete(heard)
    rows.now = stage.now
    start = stage.now - timedelta(hours=2)
    rows.failed_meeting(
        "failed_I_1",
        "The download link leads to a host that is not allowed: media.example.org.",
        title="Budget of the year",
        start=start,
        host_email="host@example.com",
    )
    waiting = rows.meeting("waiting_I_1", title="Planning", start=start)
    rows.ingest(waiting, Resource.RECORDINGS)
    sweep(stage.bench)
    url = stage.door.removesuffix("/webhooks/webex").replace("127.0.0.1", "localhost")
    return Gallery(stage, rows, url, played, heard, "failed_I_1", "waiting_I_1")
