"""What can be played of a meeting, and that what was said stands at its second."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import pytest

from app.archive.captions import read_cues
from app.db.files import replace_snippets
from app.errors import ArchiveUnavailable, MediaBroken
from app.ingestion.playing import captions, playable
from app.models.player import Playable
from app.web.turns import turns_at_the_disk
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage


def played(stage: Stage, **order: Any) -> Playable:
    """Hold a meeting, and look at it when it is complete."""
    meeting_id = stage.hold_meeting(**order)["meeting_id"]
    stage.live_until_complete(meeting_id)
    return shown(stage, meeting_id)


def shown(stage: Stage, meeting_id: str) -> Playable:
    found = playable(stage.bench, meeting_id, turn=nullcontext)
    assert found is not None
    return found


def forget_snippets(stage: Stage, meeting: Playable) -> None:
    """Leave only the files of what was said."""
    row_id = stage.meeting(meeting.meeting_id).id
    assert row_id is not None
    with stage.bench.database.transaction() as session:
        for script in meeting.scripts:
            replace_snippets(session, row_id, script.transcript_id, [])


def test_a_meeting_that_is_not_known_cannot_be_played(sqlite_stage: Stage) -> None:
    assert playable(sqlite_stage.bench, "unknown_I_1", turn=nullcontext) is None
    assert playable(sqlite_stage.bench, "a\0_I_1", turn=nullcontext) is None


def test_each_transcript_stands_beside_its_recording_at_the_times_of_that(
    sqlite_stage: Stage,
) -> None:
    meeting = played(
        sqlite_stage,
        recordings=[{"id": "b", "starts_after_seconds": 10}, {"starts_after_seconds": 150}],
        transcripts=[
            {"snippets": 3, "starts_after_seconds": 152},
            {"snippets": 4, "starts_after_seconds": 60.5},
        ],
    )

    first, second = meeting.tracks
    assert first.recording_id == "b"
    assert (first.video, first.audio) == ("recordings/b.mp4", "recordings/b.mp3")
    of_first, of_second = meeting.scripts
    assert (of_first.recording_id, of_first.later_seconds) == ("b", 50.5)
    assert (of_second.recording_id, of_second.later_seconds) == (second.recording_id, 2.0)
    # Four lines in five minutes: the first after an eighth of 75 seconds.
    assert of_first.lines[0].start_seconds == 50.5 + 9.375
    assert [len(each.lines) for each in meeting.scripts] == [4, 3]
    voices = {line.speaker: line.voice for line in of_first.lines}
    assert sorted(voices.values()) == [*range(len(voices))]


def test_what_began_together_is_paired_in_its_order(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=2, transcripts=2)

    pairs = [each.recording_id for each in meeting.scripts]
    assert pairs == [each.recording_id for each in meeting.tracks]
    # They began three seconds after the meeting, the recordings after a tenth of it.
    assert {each.later_seconds for each in meeting.scripts} == {-27.0}
    assert meeting.scripts[0].lines[0].start_seconds == 0.0


def test_without_snippets_the_captions_say_what_was_said(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=1, transcripts=1)
    row_id = sqlite_stage.meeting(meeting.meeting_id).id
    assert row_id is not None
    with sqlite_stage.bench.database.transaction() as session:
        replace_snippets(session, row_id, meeting.scripts[0].transcript_id, [])

    again = shown(sqlite_stage, meeting.meeting_id)

    assert again.scripts[0].lines == meeting.scripts[0].lines


def test_what_no_browser_plays_is_there_to_be_fetched(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=[{"id": "a", "format": "ARF"}], transcripts=0)

    [track] = meeting.tracks
    assert track.file == "recordings/a.arf"
    assert track.plays == track.audio


def test_captions_are_those_of_the_stored_file_at_the_times_of_the_recording(
    sqlite_stage: Stage,
) -> None:
    meeting = played(
        sqlite_stage,
        recordings=[{"starts_after_seconds": 10}],
        transcripts=[{"snippets": 4, "starts_after_seconds": 30}],
    )
    [script] = meeting.scripts
    path = sqlite_stage.place(meeting.meeting_id) / (script.vtt or "")

    text = captions(sqlite_stage.bench, meeting, script.transcript_id, turn=nullcontext) or ""
    (sqlite_stage.folder / "shown.vtt").write_text(text)

    stored, told = read_cues(path), read_cues(sqlite_stage.folder / "shown.vtt")
    assert [cue.start_seconds + 20 for cue in stored] == [cue.start_seconds for cue in told]
    assert [cue.speaker for cue in stored] == [cue.speaker for cue in told]
    assert captions(sqlite_stage.bench, meeting, "another", turn=nullcontext) is None


def test_a_file_that_cannot_be_read_leaves_all_else(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=1, transcripts=1)
    [script] = meeting.scripts
    (sqlite_stage.place(meeting.meeting_id) / (script.vtt or "")).unlink()

    again = shown(sqlite_stage, meeting.meeting_id)

    assert again.scripts[0].lines == script.lines


def test_no_link_leads_from_captions_out_of_the_archive(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=1, transcripts=1)
    [script] = meeting.scripts
    forget_snippets(sqlite_stage, meeting)
    path = sqlite_stage.place(meeting.meeting_id) / (script.vtt or "")
    elsewhere = path.rename(sqlite_stage.folder / "elsewhere.vtt")
    path.symlink_to(elsewhere)

    assert shown(sqlite_stage, meeting.meeting_id).scripts[0].lines == []
    with pytest.raises(MediaBroken):
        captions(sqlite_stage.bench, meeting, script.transcript_id, turn=nullcontext)


def test_a_disk_that_hangs_holds_up_what_is_read_from_it_for_a_moment(
    sqlite_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.turns._DISK_SECONDS", 0.01)
    meeting = played(sqlite_stage, recordings=1, transcripts=1)
    [script] = meeting.scripts
    forget_snippets(sqlite_stage, meeting)
    turns = turns_at_the_disk()

    with ExitStack() as hanging:
        for _ in range(4):
            hanging.enter_context(turns.turn())
        found = playable(sqlite_stage.bench, meeting.meeting_id, turn=turns.turn)
        with pytest.raises(ArchiveUnavailable):
            captions(sqlite_stage.bench, meeting, script.transcript_id, turn=turns.turn)

    assert found is not None
    assert found.scripts[0].lines == []
    found = playable(sqlite_stage.bench, meeting.meeting_id, turn=turns.turn)
    assert found is not None
    assert found.scripts[0].lines == script.lines


def test_a_disk_that_hangs_is_waited_for_once_for_all_of_a_meeting(sqlite_stage: Stage) -> None:
    meeting = played(sqlite_stage, recordings=1, transcripts=3)
    forget_snippets(sqlite_stage, meeting)
    waits: list[str] = []

    def refused() -> AbstractContextManager[None]:
        waits.append("a second")
        raise ArchiveUnavailable("the disk hangs")

    found = playable(sqlite_stage.bench, meeting.meeting_id, turn=refused)

    assert found is not None
    assert [each.lines for each in found.scripts] == [[], [], []]
    assert waits == ["a second"]
