"""What a rebuild finds missing, changed or newer than its manifest is never called done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.archive.inspection import Damage
from app.db.files import damaged_files
from app.ingestion.integrity import Finding
from app.ingestion.rebuild import rebuild
from app.ingestion.recheck import recheck_due
from app.ingestion.verify import verify
from app.models.words import Resource
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.folders import read_manifest, write_manifest
from tests.ingestion.lost import contents, lose_database, media_requests
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage

Told = dict[str, Any]
Change = Callable[[Told], object]


@pytest.fixture
def stage(sqlite_stage: Stage) -> Stage:
    """A stage with nothing on it."""
    return sqlite_stage


@pytest.fixture
def held(stage: Stage) -> Told:
    """A meeting of which everything is stored: its id, and those of what belongs to it."""
    told = stage.hold_meeting(recordings=1, transcripts=1)
    stage.advance(15)
    stage.live_until_complete(told["meeting_id"])
    return told


@pytest.fixture
def folder(stage: Stage, held: Told) -> Path:
    """The folder of that meeting."""
    return stage.place(held["meeting_id"])


def rebuilt(stage: Stage, *, deep: bool = False) -> list[Finding]:
    """Lose the database and make it again; what was found lacking."""
    lose_database(stage)
    (made,) = rebuild(stage.bench, deep=deep)
    assert made.why == ""
    return [*made.lacking]


def retell(folder: Path, change: Change) -> None:
    """Change the manifest of a folder."""
    told = read_manifest(folder)
    change(told)
    write_manifest(folder, told)


def flip_a_byte(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def item(told: Told, resource: str, resource_id: str | None = None) -> Told:
    """The entry of a manifest for one resource."""
    found: Told = next(
        each
        for each in told["resources"]
        if (each["resource"], each.get("resource_id")) == (resource, resource_id)
    )
    return found


def edit(stage: Stage, held: Told) -> None:
    """Let the host edit the transcript, and have that found."""
    (transcript_id,) = held["transcript_ids"]
    path = f"/meetingTranscripts/{transcript_id}/snippets/{transcript_id}_00003"
    told = {"text": "It was Bob.", "reason": "a wrong name"}
    stage.bench.accounts.client("").send("PUT", path, told)
    stage.live(hours=24, minutes=1)
    recheck_due(stage.bench)
    stage.work()


@pytest.mark.parametrize("ending", [".mp4", ".mp3", ".vtt", ".snippets.json", "participants.json"])
def test_a_file_that_is_gone_is_not_told_and_fetched_again(
    stage: Stage, held: Told, folder: Path, ending: str
) -> None:
    meeting_id = held["meeting_id"]
    (place,) = folder.rglob(f"*{ending}")
    path = place.relative_to(folder).as_posix()
    place.unlink()

    assert rebuilt(stage) == [Finding(meeting_id, path, Damage.MISSING, True)]
    told = manifest_of(stage, meeting_id)
    assert (told["complete"], path in str(told["files"])) == (False, False)
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


@pytest.mark.parametrize(
    ("ending", "deep"), [(".mp4", True), (".snippets.json", False), ("participants.json", False)]
)
def test_a_file_of_other_bytes_is_set_aside_and_fetched_again(
    stage: Stage, held: Told, folder: Path, ending: str, deep: bool
) -> None:
    meeting_id = held["meeting_id"]
    (place,) = folder.rglob(f"*{ending}")
    flip_a_byte(place)
    changed = place.read_bytes()

    (found,) = rebuilt(stage, deep=deep)
    stage.live_until_complete(meeting_id)

    assert (found.damage, found.is_fetched_again) == (Damage.CHANGED, True)
    aside = place.with_name(f"{place.name}.damaged-1")
    assert aside.read_bytes() == changed
    aside.unlink()
    assert differences(stage, meeting_id) == []


def test_what_webex_has_no_more_ends_as_absent_when_its_file_is_gone(
    stage: Stage, held: Told, folder: Path
) -> None:
    (recording_id,) = held["recording_ids"]
    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()
    next(folder.rglob("*.mp4")).unlink()

    rebuilt(stage)
    stage.live(days=3)

    row = stage.ingest(held["meeting_id"], "recordings", recording_id)
    assert (row.state, row.reason) == ("absent", "deleted_at_source")


def test_an_earlier_version_that_is_gone_is_named_and_opens_nothing(
    stage: Stage, held: Told, folder: Path
) -> None:
    edit(stage, held)
    (second,) = folder.rglob("*.v2.vtt")
    first = second.with_name(second.name.replace(".v2.vtt", ".vtt"))
    first.unlink()

    (found,) = rebuilt(stage)

    assert (found.path, found.is_fetched_again) == (f"transcripts/{first.name}", False)
    assert {state for state, _ in stage.states(held["meeting_id"]).values()} == {"done"}
    # As `verify` does: it is told as damaged until it is there again.
    with stage.bench.database.reading() as session:
        ((file, _),) = damaged_files(session, limit=9)
    assert (file.path, file.damage) == (found.path, "missing")


def test_a_changed_file_of_what_webex_has_deleted_stays_and_is_told_as_damaged(
    stage: Stage, held: Told, folder: Path
) -> None:
    (recording_id,) = held["recording_ids"]
    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()
    place = next(folder.rglob("*.mp4"))
    flip_a_byte(place)

    (found,) = rebuilt(stage, deep=True)

    assert (found.damage, found.is_fetched_again) == (Damage.CHANGED, False)
    assert place.is_file()
    row = stage.ingest(held["meeting_id"], "recordings", recording_id)
    assert (row.state, row.reason) == ("done", "deleted_at_source")
    with stage.bench.database.reading() as session:
        ((file, _),) = damaged_files(session, limit=9)
    assert file.path == found.path


def test_a_manifest_that_is_older_than_its_files_has_them_looked_at_again(
    stage: Stage, held: Told, folder: Path
) -> None:
    before = read_manifest(folder)
    edit(stage, held)
    write_manifest(folder, before)
    (transcript_id,) = held["transcript_ids"]

    assert rebuilt(stage) == []
    row = stage.ingest(held["meeting_id"], "meetingTranscripts", transcript_id)
    assert row.state == "waiting"
    stage.live_until_complete(held["meeting_id"])

    told = read_manifest(folder)["files"]
    versions = [each.get("file_version", 1) for each in told if transcript_id in each["path"]]
    assert sorted(versions) == [1, 1, 1, 2, 2, 2]
    assert [each for verdict in verify(stage.bench, deep=True) for each in verdict.findings] == []


def test_what_a_worker_was_at_goes_on_with_another_one(
    stage: Stage, held: Told, folder: Path
) -> None:
    (recording_id,) = held["recording_ids"]

    def run(told: Told) -> None:
        item(told, "recordings", recording_id)["state"] = "running"
        told["complete"] = False
        told["files"] = [each for each in told["files"] if each["kind"] != "video"]

    retell(folder, run)
    part = next(folder.rglob("*.mp4")).with_name(f".{recording_id}.mp4.77-1.part")
    part.write_bytes(b"some of it")

    assert rebuilt(stage) == []
    row = stage.ingest(held["meeting_id"], "recordings", recording_id)
    assert (row.state, row.next_attempt_at) == ("waiting", stage.now)
    assert item(read_manifest(folder), "recordings", recording_id)["state"] == "waiting"
    # A row of this database may have the number of the one that it belonged to.
    assert not part.exists()
    stage.live_until_complete(held["meeting_id"])

    assert differences(stage, held["meeting_id"]) == []


@pytest.mark.parametrize("resource", [Resource.MEETINGS, Resource.RECORDINGS])
def test_what_is_called_done_without_any_file_is_fetched(
    stage: Stage, held: Told, folder: Path, resource: Resource
) -> None:
    def forget(told: Told) -> None:
        told["files"] = [each for each in told["files"] if each["resource"] != resource]

    retell(folder, forget)

    rebuilt(stage)
    stage.live_until_complete(held["meeting_id"])

    assert differences(stage, held["meeting_id"]) == []


def test_a_wait_until_another_clocks_future_is_no_longer_than_the_patience(
    stage: Stage, held: Told, folder: Path
) -> None:
    def wait(told: Told) -> None:
        row = item(told, "meetingTranscripts")
        row |= {"state": "waiting", "next_attempt_at": "2199-01-01T00:00:00Z"}
        row["for_rebuild"]["patience_until"] = "2199-01-01T00:00:00Z"

    retell(folder, wait)
    rebuilt(stage)

    stage.live_until_complete(held["meeting_id"])


def test_what_another_clock_opened_in_the_future_puts_nothing_off(
    stage: Stage, held: Told, folder: Path
) -> None:
    (recording_id,) = held["recording_ids"]

    def open_ahead(told: Told) -> None:
        item(told, "recordings")["state"] = "waiting"
        row = item(told, "recordings", recording_id)
        row["deleted_at_source"] = row["for_rebuild"]["opened_at"] = "2199-01-01T00:00:00Z"

    retell(folder, open_ahead)
    rebuilt(stage)

    stage.live_until_complete(held["meeting_id"])


def test_nothing_is_fetched_again_for_a_manifest_without_what_a_rebuild_remembers(
    stage: Stage, held: Told, folder: Path
) -> None:
    def forget(told: Told) -> None:
        for each in [told, *told["resources"], *told["files"]]:
            each.pop("for_rebuild", None)

    retell(folder, forget)
    files, downloads = {*contents(stage)}, media_requests(stage)
    rebuilt(stage)

    for resource, name in (("recordings", "recording"), ("meetingTranscripts", "transcript")):
        data = {"id": held[f"{name}_ids"][0], "meetingId": held["meeting_id"]}
        stage.control.send_event(resource=resource, event="updated", data=data)
    stage.control.settle()
    stage.live_until_complete(held["meeting_id"])

    assert media_requests(stage) == downloads
    assert {*contents(stage)} == files
    assert differences(stage, held["meeting_id"]) == []
