"""The manifest has the shape that the contract promises to other programs."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from app.archive.manifest import manifest_of
from app.errors import FolderRefused
from app.models.manifest import Manifest
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
        "for_rebuild": {"type": "object", "minProperties": 1},
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
                    "for_rebuild": {"type": "object", "minProperties": 1},
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
                    "for_rebuild": {"type": "object", "minProperties": 1},
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


def without_memory(told: dict[str, Any]) -> dict[str, Any]:
    """What a manifest tells to others."""
    return {name: value for name, value in told.items() if name != "for_rebuild"}


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
    resources = manifest_of(meeting(), INGESTS, [])["resources"]

    assert [without_memory(each) for each in resources] == [
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


def test_what_only_a_rebuild_needs_stands_by_itself_and_exactly() -> None:
    exactly = END.replace(microsecond=123_456)
    of = meeting(account="sales", webex_state="ended", source="backfill", completed_at=exactly)
    done = ingest("recordings", "done", resource_id="r1", attempt=3, stored_at=exactly, tries=2)
    waiting = ingest("recordings", "waiting", looks=4, priority="2-backfill", bytes_done=7)
    video = file("recordings/r1.mp4", resource_id="r1", source="video|2021|5|9")
    text = file("recordings/r1.json", source="ab" * 32)

    told = manifest_of(of, [done, waiting], [video, text])
    read = Manifest.read(json.dumps(told).encode())

    assert (read.for_rebuild.account, read.for_rebuild.source) == ("sales", "backfill")
    assert (read.for_rebuild.webex_state, read.for_rebuild.completed_at) == ("ended", exactly)
    first, second = (each.for_rebuild for each in read.resources)
    assert (first.attempt, first.stored_at, first.tries) == (3, exactly, 0)
    assert (second.looks, second.priority, second.bytes_done) == (4, "2-backfill", 0)
    assert [each.for_rebuild.source for each in read.files] == ["video|2021|5|9", ""]


def test_a_manifest_of_a_program_without_rebuild_is_read_as_well() -> None:
    told = without_memory(manifest_of(meeting(completed_at=END), INGESTS, FILES))
    told["resources"] = [without_memory(each) for each in told["resources"]]

    read = Manifest.read(json.dumps(told).encode())

    assert (read.meeting_id, read.complete, len(read.files)) == ("m_I_1", True, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "its manifest is of version 2, which this program does not know"),
        ({"version": "1"}, "version is wrong"),
        ({"meeting_id": "../m_I_1"}, "meeting_id is wrong"),
        ({"meeting_id": "."}, "meeting_id is wrong"),
        ({"title": 5}, "title is wrong"),
        ({"title": "\x00"}, "title is wrong"),
        ({"title": "\ud800"}, "it is cut or none"),
        ({"start": "yesterday"}, "start is wrong"),
        ({"complete": "yes"}, "complete is wrong"),
        ({"files": {}}, "files is wrong"),
        ({"resources": [{"resource": "moods", "state": "done"}]}, "resources.0.resource is wrong"),
        ({"resources": [{"resource": "polls", "state": "lost"}]}, "resources.0.state is wrong"),
        (
            {"resources": [{"resource": "polls", "state": "done", "reason": "mood"}]},
            "resources.0.reason is wrong",
        ),
        ({"resources": [{"resource": "polls", "state": "done"}] * 2}, "something stands there"),
        (
            {"files": manifest_of(meeting(), [], FILES[:1] * 2)["files"]},
            "something stands there twice",
        ),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(change: dict[str, Any], sentence: str) -> None:
    told = manifest_of(meeting(), [], []) | change

    with pytest.raises(FolderRefused, match=sentence):
        Manifest.read(json.dumps(told).encode())


@pytest.mark.parametrize(
    "path",
    [
        *("../a.mp4", "/etc/passwd", "a/../b", "a//b", "./a", "a/", "", ".hidden", "a/.b.part"),
        *("a\0b", "a\x07b", "manifest.json", "x" * 1001, "\ud800"),
    ],
)
def test_a_path_that_leads_out_of_its_folder_is_refused(path: str) -> None:
    told = manifest_of(meeting(), [], [file("a.mp4")])
    told["files"][0]["path"] = path

    with pytest.raises(FolderRefused, match=r"files\.0\.path is wrong|it is cut or none"):
        Manifest.read(json.dumps(told).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 5000, b"null", b"{} {}"])
def test_what_is_cut_or_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(FolderRefused, match="its manifest cannot be read"):
        Manifest.read(content)
