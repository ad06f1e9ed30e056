"""The archive is what was stored, or somebody hears of it and it is fetched again."""

from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.archive.inspection import Damage
from app.errors import ArchiveUnavailable
from app.ingestion.integrity import Finding
from app.ingestion.verify import verify
from app.models.tables import Ingest
from app.models.words import State
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage


@pytest.fixture
def stage(sqlite_stage: Stage) -> Stage:
    """A stage with nothing on it."""
    return sqlite_stage


@pytest.fixture
def meeting_id(stage: Stage) -> str:
    """A meeting of which everything is stored."""
    told: str = stage.hold_meeting()["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(told)
    return told


def findings(stage: Stage, *, deep: bool = False) -> list[Finding]:
    return [each for verdict in verify(stage.bench, deep=deep) for each in verdict.findings]


def file_of(stage: Stage, meeting_id: str, ending: str) -> Path:
    (found,) = stage.place(meeting_id).rglob(f"*{ending}")
    return found


def flip_a_byte(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def test_what_is_as_it_was_stored_is_counted_and_nothing_else(
    stage: Stage, meeting_id: str
) -> None:
    told: list[int] = []

    (verdict,) = verify(stage.bench, [meeting_id], deep=True, told=told.append)

    assert (verdict.meeting_id, verdict.findings) == (meeting_id, [])
    assert verdict.bytes == sum(told) > 0
    assert verdict.files == len(manifest_of(stage, meeting_id)["files"])


@pytest.mark.parametrize("ending", [".mp4", ".mp3", ".vtt", ".snippets.json", "participants.json"])
def test_a_flipped_byte_is_found_by_reading_and_fetched_again(
    stage: Stage, meeting_id: str, ending: str
) -> None:
    place = file_of(stage, meeting_id, ending)
    path = place.relative_to(stage.place(meeting_id)).as_posix()
    flip_a_byte(place)

    assert findings(stage) == []
    assert findings(stage, deep=True) == [Finding(meeting_id, path, Damage.CHANGED, True)]
    assert path not in [each["path"] for each in manifest_of(stage, meeting_id)["files"]]
    assert stage.meeting(meeting_id).completed_at is None
    stage.live_until_complete(meeting_id)

    assert findings(stage, deep=True) == []
    assert place.with_name(f"{place.name}.damaged-1").is_file()
    place.with_name(f"{place.name}.damaged-1").unlink()
    assert differences(stage, meeting_id) == []


def test_a_file_that_is_gone_is_fetched_again(stage: Stage, meeting_id: str) -> None:
    file_of(stage, meeting_id, ".mp4").unlink()

    (found,) = findings(stage)
    stage.live_until_complete(meeting_id)

    assert (found.damage, found.is_fetched_again) == (Damage.MISSING, True)
    assert differences(stage, meeting_id) == []


def test_a_whole_folder_that_is_gone_is_fetched_again(stage: Stage, meeting_id: str) -> None:
    folder = stage.place(meeting_id)
    folder.rename(folder.with_name("elsewhere"))

    assert {each.damage for each in findings(stage)} == {Damage.MISSING}
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_what_webex_has_no_more_is_not_called_done_when_its_file_is_gone(
    stage: Stage, meeting_id: str
) -> None:
    (recording_id,) = (
        each["resource_id"]
        for each in manifest_of(stage, meeting_id)["resources"]
        if each["resource"] == "recordings" and "resource_id" in each
    )
    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()
    file_of(stage, meeting_id, ".mp4").unlink()

    findings(stage)
    stage.live(days=3)

    recording = stage.ingest(meeting_id, "recordings", recording_id)
    assert (recording.state, recording.reason) == ("absent", "deleted_at_source")
    assert ".mp4" not in str(manifest_of(stage, meeting_id)["files"])


def test_what_nobody_has_stored_is_told_and_left_alone(stage: Stage, meeting_id: str) -> None:
    folder = stage.place(meeting_id)
    (folder / "notes.docx").write_text("mine")
    (folder / ".r1.mp4.9-1.part").write_text("half")

    found = {each.path: (each.damage, each.is_fetched_again) for each in findings(stage)}

    assert found == {
        "notes.docx": (Damage.EXTRA, False),
        ".r1.mp4.9-1.part": (Damage.PART, False),
    }
    assert (folder / "notes.docx").is_file()


def test_a_manifest_that_is_gone_is_written_again(stage: Stage, meeting_id: str) -> None:
    (stage.place(meeting_id) / "manifest.json").unlink()

    (found,) = findings(stage)

    assert (found.path, found.damage, found.is_fetched_again) == (
        "manifest.json",
        Damage.MISSING,
        True,
    )
    assert differences(stage, meeting_id) == []


def test_an_archive_that_is_not_there_at_all_is_no_damage(stage: Stage, meeting_id: str) -> None:
    elsewhere = stage.archive.with_name("elsewhere")
    stage.archive.rename(elsewhere)
    for is_mounted in (False, True):
        if is_mounted:
            stage.archive.mkdir()
        with pytest.raises(ArchiveUnavailable, match="Nothing was changed"):
            findings(stage)
    stage.archive.rmdir()
    elsewhere.rename(stage.archive)

    assert findings(stage, deep=True) == []
    assert stage.meeting(meeting_id).completed_at is not None


def test_what_a_worker_is_at_is_left_to_it(stage: Stage, meeting_id: str) -> None:
    place = file_of(stage, meeting_id, "participants.json")
    row = stage.ingest(meeting_id, "meetingParticipants")
    assert row.id is not None
    with stage.bench.database.transaction() as session:
        session.execute(update(Ingest).where(col(Ingest.id) == row.id).values(state=State.RUNNING))
    flip_a_byte(place)

    assert findings(stage, deep=True) == []
    assert place.is_file()
