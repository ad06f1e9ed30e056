"""What changes at Webex afterwards: noted, fetched again if need be, never deleted here."""

from pathlib import Path

import pytest

from app.ingestion.commands import retry
from tests.ingestion.archives import manifest_of
from tests.stage import Stage


def stored(stage: Stage, recordings: int = 1) -> tuple[str, list[str], list[Path]]:
    """A complete meeting: its id, those of its recordings, and the places of their videos."""
    told = stage.hold_meeting(recordings=recordings)
    meeting_id = told["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    place = stage.place(meeting_id) / "recordings"
    return meeting_id, told["recording_ids"], [place / f"{i}.mp4" for i in told["recording_ids"]]


def resource_of(stage: Stage, meeting_id: str, recording_id: str) -> dict[str, str]:
    """What the manifest says of a recording."""
    (found,) = (
        each
        for each in manifest_of(stage, meeting_id)["resources"]
        if each.get("resource_id") == recording_id
    )
    return {name: found[name] for name in ("state", "reason") if name in found}


def test_a_recording_that_is_deleted_at_webex_stays_here_with_a_note(stage: Stage) -> None:
    meeting_id, (recording_id,), (video,) = stored(stage)

    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()

    told = {"state": "done", "reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, recording_id) == told
    assert manifest_of(stage, meeting_id)["complete"] is True
    assert video.is_file()
    retry(stage.bench, [meeting_id])
    stage.live(days=3)
    assert resource_of(stage, meeting_id, recording_id) == told
    assert video.is_file()


def test_a_recording_that_is_gone_from_the_list_is_noted_without_any_webhook(
    stage: Stage,
) -> None:
    meeting_id, (gone, kept), (video, _) = stored(stage, recordings=2)
    stage.live(hours=2)
    stage.control.change_settings(drop_ratio=1.0)
    stage.control.call("DELETE", f"/recordings/{gone}")
    stage.control.change_settings(drop_ratio=0.0)
    # Another one is announced, so the list is looked at again.
    stage.control.add_recording(meeting_id, delay_seconds=0, webhook_delay_seconds=5)
    stage.advance(10)
    stage.live_until_complete(meeting_id)

    assert resource_of(stage, meeting_id, gone)["reason"] == "deleted_at_source"
    assert "reason" not in resource_of(stage, meeting_id, kept)
    assert video.is_file()


def test_a_recording_that_webex_lists_again_loses_the_note(stage: Stage) -> None:
    meeting_id, (first, second), _ = stored(stage, recordings=2)
    stage.live(hours=2)
    data = {"id": first, "meetingId": meeting_id}
    stage.control.send_event(resource="recordings", event="deleted", data=data)
    stage.control.settle()
    stage.work()
    assert resource_of(stage, meeting_id, first)["reason"] == "deleted_at_source"

    stage.control.send_event(
        resource="recordings", event="updated", data={"id": second, "meetingId": meeting_id}
    )
    stage.control.settle()
    stage.live_until_complete(meeting_id)

    assert "reason" not in resource_of(stage, meeting_id, first)


@pytest.mark.parametrize("known", [True, False])
def test_the_end_of_what_is_not_known_here_makes_nothing(stage: Stage, known: bool) -> None:
    meeting_id = stored(stage)[0] if known else "nobody_I_1"
    before = len(stage.ingests(meeting_id)) if known else 0
    data = {"id": "f00d", "meetingId": meeting_id}

    stage.control.send_event(resource="recordings", event="deleted", data=data)
    stage.control.settle()

    assert stage.work() == 0
    if known:
        assert len(stage.ingests(meeting_id)) == before


def test_a_recording_that_is_updated_is_fetched_again_only_if_it_is_another_file(
    stage: Stage,
) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    transfers = sum(each["origin"] == "media" for each in stage.control.requests())
    data = {"id": recording_id, "meetingId": meeting_id}

    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live_until_complete(meeting_id)
    again = sum(each["origin"] == "media" for each in stage.control.requests())
    stage.control.call("POST", f"/recordings/{recording_id}/replace", {"bytes": 300_000})
    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live_until_complete(meeting_id)

    assert again == transfers
    paths = [file["path"] for file in manifest_of(stage, meeting_id)["files"]]
    assert {f"recordings/{recording_id}.mp4", f"recordings/{recording_id}.v2.mp4"} <= {*paths}


def test_an_empty_list_by_mistake_notes_nothing(stage: Stage) -> None:
    meeting_id, recording_ids, _ = stored(stage, recordings=2)
    stage.live(hours=2)
    stage.control.add_fault(path_regex=r"^/v1/recordings$", status=200, body={"items": []})
    data = {"id": recording_ids[0], "meetingId": meeting_id}
    stage.control.send_event(resource="recordings", event="created", data=data)
    stage.live(hours=3)

    for recording_id in recording_ids:
        assert resource_of(stage, meeting_id, recording_id) == {"state": "done"}
