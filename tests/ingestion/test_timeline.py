"""What happened to a meeting is told with times and sources, and each look at Webex."""

from datetime import timedelta

from app.db.steps import tell_steps
from app.ingestion.commands import look_now, retry
from app.ingestion.timeline import happening, timeline
from app.models.steps import Step, What
from app.models.timeline import Happening
from tests.stage import Stage


def told(stage: Stage, meeting_id: str) -> list[Happening]:
    return timeline(stage.bench.database, meeting_id)


def test_a_meeting_is_told_from_its_start_until_it_is_complete(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(recordings=[{"id": "r1"}], transcripts=0)["meeting_id"]
    stage.live_until_complete(meeting_id)

    happened = told(stage, meeting_id)

    words = [each.what for each in happened]
    assert words[:2] == ["started", "ended"]
    assert words[-1] == "complete"
    assert [each.at for each in happened] == sorted(each.at for each in happened)
    known = next(each for each in happened if each.what == "known")
    assert (known.reason, known.sentence) == ("webhook", "First heard of by a webhook")
    events = {(each.resource, each.reason) for each in happened if each.what == "told"}
    assert {("meetings", "ended"), ("recordings", "created")} <= events
    looks = [each for each in happened if each.resource == "recordings" and each.what == "waiting"]
    assert "Recordings: looked; Webex is still processing it" in {each.sentence for each in looks}
    stored = {each.reason for each in happened if each.what == "stored"}
    assert {"meeting", "participants", "recording", "video", "audio"} <= stored
    by_item = [each.what for each in happened if each.resource_id == "r1"]
    assert by_item.index("found") < by_item.index("stored") < by_item.index("done")
    absent = next(each for each in happened if each.what == "absent")
    assert absent.sentence.startswith("Transcripts: none; the meeting was not transcribed")


def test_only_what_webex_was_asked_for_is_told_as_a_look(sqlite_stage: Stage) -> None:
    def sentence(what: What, resource_id: str, reason: str) -> str:
        step = Step(meeting_row_id=1, at=sqlite_stage.now, what=what, reason=reason)
        step.resource, step.resource_id, step.detail = "recordings", resource_id, None
        return happening(step).sentence

    assert sentence(What.WAITING, "r1", "shutdown").startswith("Recording: waits; interrupted by")
    assert sentence(What.WAITING, "", "rate_limited") == "Recordings: waits; Webex asks for a pause"
    assert sentence(What.WAITING, "", "settling").startswith("Recordings: looked; found")
    assert sentence(What.STORED, "r1", "vtt").startswith("VTT stored and verified")


def test_who_asks_for_something_again_is_told(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    meeting_id = stage.hold_meeting(recordings=0, transcripts=0)["meeting_id"]
    stage.work()
    stage.advance(30)

    look_now(stage.bench, meeting_id, who="operator")
    stage.work()

    [asked] = [each for each in told(stage, meeting_id) if each.what == "asked"]
    assert (asked.at, asked.sentence) == (stage.now, "Asked for by operator: look")
    looked = {each.resource for each in told(stage, meeting_id) if each.at == stage.now}
    assert {"recordings", "meetingTranscripts"} <= looked
    stage.live_until_complete(meeting_id)
    retry(stage.bench, [meeting_id], who="tokens/sales")
    words = [each.what for each in told(stage, meeting_id)]
    assert words[-3:].count("reopened") == 2
    assert "Asked for by tokens/sales: retry" in [x.sentence for x in told(stage, meeting_id)]


def test_a_meeting_that_is_not_known_has_no_history(sqlite_stage: Stage) -> None:
    assert told(sqlite_stage, "unknown_I_1") == []
    assert told(sqlite_stage, "a\0b") == []


def test_of_very_many_steps_the_last_ones_are_told(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    meeting_id = stage.hold_meeting(recordings=0, transcripts=0)["meeting_id"]
    stage.work()
    asked = {"meeting_row_id": stage.meeting(meeting_id).id, "what": What.ASKED}
    with stage.bench.database.transaction() as session:
        at = [stage.now + timedelta(seconds=number) for number in range(520)]
        tell_steps(session, [asked | {"at": each} for each in at])

    happened = told(stage, meeting_id)

    steps = [each for each in happened if each.what not in ("started", "ended")]
    assert [each.at for each in steps] == at[20:]
