"""Folders of meetings as the program leaves them, made without a Webex: to be read again."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.archive.manifest import manifest_of
from app.archive.store import to_json
from app.models.tables import File, Ingest, Meeting
from app.models.words import CORE_RESOURCES, Kind, Resource, State

BEGAN = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
VIDEO = b"a video, as far as anybody looks"


def lay_meeting(archive: Path, meeting_id: str, *, folder: str | None = None) -> Path:
    """A complete meeting in the archive, with a recording, two people and what they said."""
    place = archive / (folder or f"example.webex.com/2026/02/02/{meeting_id}")
    details = {"id": meeting_id, "state": "ended", "title": f"All of {meeting_id}"}
    people = [{"id": f"{meeting_id}-{each}", "email": f"{each}@example.com"} for each in "ab"]
    said = [{"id": f"s{each}", "text": "Good.", "personEmail": "a@example.com"} for each in "12"]
    told = [
        ("meeting.json", Resource.MEETINGS, "", Kind.MEETING, to_json(details)),
        ("participants.json", Resource.PARTICIPANTS, "", Kind.PARTICIPANTS, _items(people)),
        ("recordings/r1.mp4", Resource.RECORDINGS, "r1", Kind.VIDEO, VIDEO),
        ("transcripts/t1.snippets.json", Resource.TRANSCRIPTS, "t1", Kind.SNIPPETS, _items(said)),
    ]
    files = [_lay(place, *each) for each in told]
    items = [(Resource.RECORDINGS, "r1"), (Resource.TRANSCRIPTS, "t1")]
    ingests = [_done(*each) for each in [*((core, "") for core in CORE_RESOURCES), *items]]
    write_manifest(place, manifest_of(_meeting(meeting_id), ingests, files))
    return place


def read_manifest(place: Path) -> dict[str, Any]:
    """The manifest of a folder."""
    told: dict[str, Any] = json.loads((place / "manifest.json").read_text())
    return told


def write_manifest(place: Path, told: dict[str, Any]) -> None:
    """Replace the manifest of a folder."""
    (place / "manifest.json").write_bytes(to_json(told))


def _items(items: list[dict[str, Any]]) -> bytes:
    return to_json({"items": items})


def _meeting(meeting_id: str) -> Meeting:
    return Meeting(
        meeting_id=meeting_id,
        title=f"All of {meeting_id}",
        site_url="example.webex.com",
        host_email="host@example.com",
        webex_state="ended",
        details_known=True,
        start_at=BEGAN,
        end_at=BEGAN + timedelta(minutes=30),
        first_seen_at=BEGAN + timedelta(minutes=31),
        completed_at=BEGAN + timedelta(hours=1),
    )


def _done(resource: Resource, resource_id: str) -> Ingest:
    at = BEGAN + timedelta(hours=1)
    return Ingest(
        meeting_row_id=1,
        resource=resource,
        resource_id=resource_id,
        queue="poll",
        state=State.DONE,
        attempt=2,
        opened_at=BEGAN,
        patience_until=at,
        stored_at=at,
        ended_at=at,
        updated_at=at,
    )


def _lay(
    place: Path, path: str, resource: str, resource_id: str, kind: str, content: bytes
) -> File:
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_bytes(content)
    return File(
        meeting_row_id=1,
        resource=resource,
        resource_id=resource_id,
        kind=kind,
        path=path,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        source="video|1" if kind == Kind.VIDEO else hashlib.sha256(content).hexdigest(),
        stored_at=BEGAN + timedelta(hours=1),
    )
