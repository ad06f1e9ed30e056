"""The manifest has the shape that the contract promises to other programs."""

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from app.archive.manifest import manifest_of
from app.models.tables import File, Ingest, Meeting
from app.models.words import State

START = datetime(2021, 5, 14, 20, 25, 19, tzinfo=UTC)
END = datetime(2021, 5, 14, 20, 26, 54, 123_000, tzinfo=UTC)
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
TEXT = {"type": "string", "minLength": 1}
RESOURCES = ["meetings", "meetingParticipants", "recordings", "meetingTranscripts"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "meeting_id", "start", "end", "complete", "resources", "files"],
    "properties": {
        "version": {"const": 1},
        "meeting_id": TEXT,
        **{
            name: {"type": ["string", "null"]}
            for name in ("meeting_series_id", "title", "site_url", "host_email")
        },
        "start": {"anyOf": [TIME, {"type": "null"}]},
        "end": {"anyOf": [TIME, {"type": "null"}]},
        "complete": {"type": "boolean"},
        "resources": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["resource", "state"],
                "properties": {
                    "resource": {"enum": RESOURCES},
                    "resource_id": TEXT,
                    "state": {"enum": [state.value for state in State]},
                    "reason": TEXT,
                    "error": TEXT,
                    "message": TEXT,
                    "next_attempt_at": {"anyOf": [TIME, {"type": "null"}]},
                },
                "if": {"properties": {"state": {"const": "failed"}}},
                "then": {"required": ["error", "message"]},
            },
        },
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "resource", "kind", "bytes", "sha256", "stored_at"],
                "properties": {
                    "path": TEXT,
                    "resource": {"enum": RESOURCES},
                    "resource_id": TEXT,
                    "kind": TEXT,
                    "bytes": {"type": "integer", "minimum": 1},
                    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    "file_version": {"type": "integer", "minimum": 2},
                    "stored_at": TIME,
                },
            },
        },
    },
}


def meeting(**given: Any) -> Meeting:
    known: dict[str, Any] = {"title": "Weekly sync", "start_at": START, "end_at": END}
    return Meeting(meeting_id="m_I_1", first_seen_at=END, **(known | given))


def ingest(resource: str, state: str, **given: Any) -> Ingest:
    return Ingest(
        meeting_row_id=1,
        resource=resource,
        queue="poll",
        state=state,
        opened_at=END,
        patience_until=END,
        updated_at=END,
        **given,
    )


def file(path: str, **given: Any) -> File:
    return File(
        meeting_row_id=1,
        resource="recordings",
        kind="video",
        path=path,
        bytes=4982263,
        sha256="ab" * 32,
        stored_at=END,
        **given,
    )


INGESTS = [
    ingest("meetings", "done"),
    ingest("recordings", "done", resource_id="r1"),
    ingest("meetingTranscripts", "waiting", reason="still_processing", next_attempt_at=END),
    ingest("meetingTranscripts", "waiting", resource_id="t1"),
    ingest("meetingParticipants", "absent", reason="not_available"),
    ingest("recordings", "failed", resource_id="r2", error_code="too_large", error="It is large."),
    ingest("recordings", "running", resource_id="r3"),
]
FILES = [
    file("recordings/r1.mp4", resource_id="r1"),
    file("recordings/r1.v2.mp4", resource_id="r1", file_version=2),
]


@pytest.mark.parametrize(
    "manifest",
    [
        manifest_of(meeting(), INGESTS, FILES),
        manifest_of(meeting(completed_at=END), INGESTS[:2], FILES),
        manifest_of(meeting(start_at=None, end_at=None, title=None, site_url=None), [], []),
    ],
)
def test_a_manifest_has_the_shape_of_the_contract(manifest: dict[str, Any]) -> None:
    jsonschema.validate(manifest, SCHEMA)


def test_a_manifest_tells_the_meeting_in_utc_with_whole_seconds() -> None:
    manifest = manifest_of(meeting(), [], [])

    assert (manifest["start"], manifest["end"]) == ("2021-05-14T20:25:19Z", "2021-05-14T20:26:54Z")
    assert manifest["complete"] is False
    assert manifest_of(meeting(completed_at=END), [], [])["complete"] is True


def test_a_manifest_tells_every_resource() -> None:
    assert manifest_of(meeting(), INGESTS, [])["resources"] == [
        {"resource": "meetings", "state": "done"},
        {"resource": "recordings", "resource_id": "r1", "state": "done"},
        {
            "resource": "meetingTranscripts",
            "state": "waiting",
            "reason": "still_processing",
            "next_attempt_at": "2021-05-14T20:26:54Z",
        },
        {
            "resource": "meetingTranscripts",
            "resource_id": "t1",
            "state": "waiting",
            "next_attempt_at": None,
        },
        {"resource": "meetingParticipants", "state": "absent", "reason": "not_available"},
        {
            "resource": "recordings",
            "resource_id": "r2",
            "state": "failed",
            "error": "too_large",
            "message": "It is large.",
        },
        {"resource": "recordings", "resource_id": "r3", "state": "running"},
    ]


def test_a_manifest_tells_every_file() -> None:
    first, second = manifest_of(meeting(), [], FILES)["files"]

    assert first == {
        "path": "recordings/r1.mp4",
        "resource": "recordings",
        "resource_id": "r1",
        "kind": "video",
        "bytes": 4982263,
        "sha256": "ab" * 32,
        "stored_at": "2021-05-14T20:26:54Z",
    }
    assert second["file_version"] == 2
