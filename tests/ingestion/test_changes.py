"""What changes at Webex afterwards: noted, fetched again if need be, never deleted here."""

from pathlib import Path

import pytest

from app.ingestion.commands import retry
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
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


def deleted(stage: Stage, recording_id: str, **data: str) -> None:
    """Webex says that a recording was deleted."""
    stage.control.send_event(
        resource="recordings", event="deleted", data={"id": recording_id, **data}
    )
    stage.control.settle()
    stage.work()


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


def test_a_recording_that_is_deleted_before_it_could_be_stored_is_absent_at_once(
    stage: Stage,
) -> None:
    told = stage.hold_meeting()
    meeting_id, (recording_id,) = told["meeting_id"], told["recording_ids"]
    stage.control.add_fault(origin="media", times=None, status=503)
    stage.live(hours=1)
    assert resource_of(stage, meeting_id, recording_id)["state"] == "waiting"

    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()

    state = {"state": "absent", "reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, recording_id) == state


def test_what_had_failed_is_looked_at_when_webex_has_deleted_it(make_stage: MakeStage) -> None:
    stage = make_stage(poll_give_up_hours=1)
    told = stage.hold_meeting()
    meeting_id, (recording_id,) = told["meeting_id"], told["recording_ids"]
    stage.control.add_fault(origin="media", times=None, status=503)
    stage.live(hours=3)
    assert resource_of(stage, meeting_id, recording_id) == {"state": "failed"}

    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()

    assert resource_of(stage, meeting_id, recording_id)["reason"] == "deleted_at_source"
    stage.live_until_complete(meeting_id)


def test_a_recording_whose_audio_was_never_stored_is_not_done_when_it_is_deleted(
    stage: Stage,
) -> None:
    told = stage.hold_meeting()
    meeting_id, (recording_id,) = told["meeting_id"], told["recording_ids"]
    # The first of two requests to the media host brings the video.
    stage.control.add_fault(origin="media", times=None, skip=1, status=503)
    stage.live(hours=1)
    place = stage.place(meeting_id) / "recordings"
    assert (place / f"{recording_id}.mp4").is_file()

    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()

    state = {"state": "absent", "reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, recording_id) == state
    assert (place / f"{recording_id}.mp4").is_file()
    assert not (place / f"{recording_id}.mp3").is_file()


@pytest.mark.parametrize("told", ["its own", "none", "another", "unknown", "its series"])
def test_a_deletion_is_noted_whatever_meeting_the_event_names(stage: Stage, told: str) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    another, others, _ = stored(stage)
    named = {"its own": meeting_id, "another": another, "unknown": "nobody_I_1"}
    named["its series"] = meeting_id.partition("_I_")[0]

    deleted(stage, recording_id, **({"meetingId": named[told]} if told in named else {}))

    assert resource_of(stage, meeting_id, recording_id)["reason"] == "deleted_at_source"
    assert "reason" not in resource_of(stage, another, others[0])
    assert len(stage.ingests(another)) == len(stage.ingests(meeting_id))


def test_a_recording_that_was_never_of_a_meeting_is_not_said_to_be_deleted_there(
    stage: Stage,
) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    another, _, _ = stored(stage)
    data = {"id": recording_id, "meetingId": another}
    stage.control.send_event(resource="recordings", event="created", data=data)
    stage.control.settle()
    stage.live(hours=3)
    stage.control.change_settings(drop_ratio=1.0)
    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.change_settings(drop_ratio=0.0)

    deleted(stage, recording_id, meetingId=another)
    stage.live(hours=3)

    assert resource_of(stage, meeting_id, recording_id)["reason"] == "deleted_at_source"
    assert resource_of(stage, another, recording_id)["reason"] == "not_available"


def test_a_change_under_another_meeting_is_fetched_where_it_belongs(stage: Stage) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    another, _, _ = stored(stage)
    stage.control.call("POST", f"/recordings/{recording_id}/replace", {"bytes": 300_000})

    data = {"id": recording_id, "meetingId": another}
    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live(hours=3)

    assert differences(stage, another) == []
    paths = [file["path"] for file in manifest_of(stage, meeting_id)["files"]]
    assert f"recordings/{recording_id}.v2.mp4" in paths
    assert manifest_of(stage, meeting_id)["complete"] is True


def test_a_deletion_under_another_meeting_counts_less_than_what_comes_after_it(
    stage: Stage,
) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    another, _, _ = stored(stage)
    for event, named in (("deleted", another), ("updated", meeting_id)):
        data = {"id": recording_id, "meetingId": named}
        stage.control.send_event(resource="recordings", event=event, data=data)
    stage.control.settle()

    stage.live_until_complete(meeting_id)

    assert resource_of(stage, meeting_id, recording_id) == {"state": "done"}


@pytest.mark.parametrize("exists", [True, False])
def test_whichever_of_two_events_comes_last_a_look_finds_what_is_true(
    make_stage: MakeStage, exists: bool
) -> None:
    stage = make_stage(poll_give_up_hours=1)
    meeting_id, (recording_id,), _ = stored(stage)
    data = {"id": recording_id, "meetingId": meeting_id}
    if exists:
        stage.control.call("POST", f"/recordings/{recording_id}/replace", {"bytes": 300_000})
    else:
        stage.control.change_settings(drop_ratio=1.0)
        stage.control.call("DELETE", f"/recordings/{recording_id}")
        stage.control.change_settings(drop_ratio=0.0)

    stage.control.send_event(resource="recordings", event="deleted", data=data)
    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live(hours=3)

    reason = {} if exists else {"reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, recording_id) == {"state": "done", **reason}
    again = f"recordings/{recording_id}.v2.mp4"
    assert (again in [each["path"] for each in manifest_of(stage, meeting_id)["files"]]) is exists
    assert manifest_of(stage, meeting_id)["complete"] is True


@pytest.mark.parametrize("minutes_between", [0, 3])
def test_an_old_deletion_does_not_decide_about_what_comes_after_it(
    stage: Stage, minutes_between: int
) -> None:
    meeting_id, (recording_id,), _ = stored(stage)
    data = {"id": recording_id, "meetingId": meeting_id}
    stage.control.send_event(resource="recordings", event="deleted", data=data)
    if minutes_between:
        stage.control.settle()
        stage.live(minutes=minutes_between)
    stage.control.call("POST", f"/recordings/{recording_id}/replace", {"bytes": 300_000})
    # Webex's API lags behind its own event.
    stage.control.add_fault(path_regex=f"/recordings/{recording_id}", status=404, times=1)

    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live(hours=3)

    assert resource_of(stage, meeting_id, recording_id) == {"state": "done"}
    paths = [file["path"] for file in manifest_of(stage, meeting_id)["files"]]
    assert f"recordings/{recording_id}.v2.mp4" in paths


@pytest.mark.parametrize("told", [True, False])
def test_what_was_deleted_before_it_was_stored_is_fetched_when_webex_has_it_again(
    stage: Stage, told: bool
) -> None:
    order = stage.hold_meeting(recordings=2)
    meeting_id, (first, second) = order["meeting_id"], order["recording_ids"]
    stage.control.add_fault(origin="media", times=None, status=503)
    stage.live(hours=1)
    stage.control.add_fault(path_regex=f"/recordings/{first}$", status=404, times=2)
    deleted(stage, first, meetingId=meeting_id)
    stage.control.forget_faults()
    assert resource_of(stage, meeting_id, first)["state"] == "absent"

    which = first if told else second
    event = {"resource": "recordings", "event": "created" if told else "updated"}
    stage.control.send_event(**event, data={"id": which, "meetingId": meeting_id})
    stage.control.settle()
    stage.live(hours=3)

    assert resource_of(stage, meeting_id, first) == {"state": "done"}


def test_a_list_that_lags_does_not_take_the_note_of_a_deletion_away(make_stage: MakeStage) -> None:
    stage = make_stage(poll_give_up_hours=1)
    meeting_id, (gone, kept), _ = stored(stage, recordings=2)
    stage.live(hours=2)
    # It is listed still, and its details are no more.
    stage.control.add_fault(path_regex=f"/recordings/{gone}$", status=404, times=None)
    deleted(stage, gone, meetingId=meeting_id)

    data = {"id": kept, "meetingId": meeting_id}
    stage.control.send_event(resource="recordings", event="updated", data=data)
    stage.control.settle()
    stage.live(days=1)

    told = {"state": "done", "reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, gone) == told
    assert manifest_of(stage, meeting_id)["complete"] is True


def test_what_is_odd_about_a_file_is_still_told_when_webex_has_deleted_it(stage: Stage) -> None:
    told = stage.hold_meeting(recordings=[{"bytes": 50_000, "reported_bytes": 40_000}])
    meeting_id, (recording_id,) = told["meeting_id"], told["recording_ids"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)

    deleted(stage, recording_id, meetingId=meeting_id)

    (row,) = [
        each
        for each in manifest_of(stage, meeting_id)["resources"]
        if each.get("resource_id") == recording_id
    ]
    assert row["reason"] == "size_differs"
    assert row["deleted_at_source"]


def test_a_transcript_of_which_a_part_is_stored_is_not_done_when_webex_has_it_no_more(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(poll_give_up_hours=1)
    told = stage.hold_meeting(transcripts=1)
    meeting_id, (transcript_id,) = told["meeting_id"], told["transcript_ids"]
    stage.control.add_fault(path_regex="format=txt", times=None, status=404)

    stage.live(hours=4)

    state = {"state": "absent", "reason": "deleted_at_source"}
    assert resource_of(stage, meeting_id, transcript_id) == state
    files = manifest_of(stage, meeting_id)["files"]
    assert [each["kind"] for each in files].count("vtt") == 1


def test_a_recording_that_is_replaced_while_its_link_is_renewed_is_begun_anew(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    order = {"recordings": [{"faults": ["link_dead_from_the_start"]}]}
    told = stage.hold_meeting(**order)
    meeting_id, (recording_id,) = told["meeting_id"], told["recording_ids"]
    path = f"/recordings/{recording_id}"
    other = {"change": {"sizeBytes": 4711}}
    stage.control.add_fault(path_regex=path, skip=1, times=1, answer=other)
    stage.advance(15)
    stage.live_until_complete(meeting_id)

    # The first one asked for another link, and got that of another edition.
    assert stage.ingest(meeting_id, "recordings", recording_id).attempt == 2
    assert differences(stage, meeting_id) == []
