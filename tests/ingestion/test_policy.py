"""The policy at work: what it foretells, what then happens, and how it is taken back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.db.auto_record import flips, undo_flip
from app.db.engine import Database
from app.ingestion import auto_record, policy
from app.ingestion.auto_record import judge_due, switched_on, undo
from app.ingestion.registration import register
from app.ingestion.status import meeting_status
from app.models.planned import AutoRecord
from app.models.policy import Policy
from app.models.status import MeetingState, MeetingStatus
from app.models.words import Flip
from app.webex.client import WebexClient
from app.webex.planned import let_record
from app.webex.sign_in import TokenPair
from app.webex.webhooks import Owner
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.conftest import MakeStage
from tests.stage import SECRET, Stage, staged

POLICY = """
[groups]
sales = ["ann@example.com", "*@sales.example.com"]

[[rules]]
name = "Private"
titles = ["*interview*"]
record = false
ingest = false

[[rules]]
name = "Customers"
hosts = ["sales"]
record = true

[[rules]]
types = ["webinar"]
record = true
"""
HOSTS = ("ann@example.com", "eve@sales.example.com", "bob@example.com")
TITLES = ("Demo", "Job interview")
TYPES = ("meeting", "webinar", "personalRoomMeeting")


@pytest.fixture
def stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    url = database.url.render_as_string(hide_password=False)
    with staged(tmp_path, url, broker_url, policy=POLICY) as stage:
        yield stage


@pytest.fixture
def on_sqlite(make_stage: MakeStage) -> Stage:
    """The same for what does not depend on the kind of database."""
    return make_stage(policy=POLICY)


def plan(stage: Stage, **order: Any) -> str:
    """A meeting in somebody's calendar for tomorrow; the id of its series."""
    start = stage.now + timedelta(days=1)
    times = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    return str(stage.control.hold_meeting(**{**times, **order})["series_id"])


def plan_all(stage: Stage, **order: Any) -> list[str]:
    return [
        plan(
            stage,
            host_email=host,
            title=title,
            scheduled_type=kind,
            auto_record=already,
            **order,
        )
        for host in HOSTS
        for title in TITLES
        for kind in TYPES
        for already in (False, True)
    ]


def foretold(stage: Stage) -> dict[str, policy.Forecast]:
    week = timedelta(days=7)
    said = policy.forecast(stage.bench, since=stage.now - week, until=stage.now + week)
    return {each.meeting.id: each for each in said}


def hear(stage: Stage) -> None:
    """Work through the events that came, and through all that they made due."""
    stage.advance(0)
    stage.work()
    while judge_due(stage.bench):
        pass


def changes(stage: Stage, method: str = "PATCH") -> list[str]:
    asked = [each for each in stage.asked("/meetings/") if each["method"] == method]
    return [each["path"].rpartition("/")[2] for each in asked]


def status_of(stage: Stage, meeting_id: str) -> MeetingStatus:
    told = meeting_status(stage.bench.database, meeting_id, now=stage.now, lease_seconds=30)
    assert told is not None
    return told


def asked_of(stage: Stage, meeting_id: str) -> list[str]:
    """What Webex was asked of a meeting besides its details."""
    asked = [f"{each['path']}?{each['query']}" for each in stage.asked("/v1/")]
    return [each for each in asked if meeting_id in each and "/meetings/" not in each]


def is_recorded(stage: Stage, planned_id: str) -> bool:
    answer = stage.bench.accounts.client("").get(f"/meetings/{planned_id}")
    return bool(answer["enabledAutoRecordMeeting"])


def row(stage: Stage, planned_id: str) -> AutoRecord:
    with stage.bench.database.reading() as session:
        return next(each for each in flips(session, [*Flip]) if each.meeting_id == planned_id)


def test_what_is_foretold_of_planned_meetings_is_what_then_happens(stage: Stage) -> None:
    stage.control.change_settings(drop_ratio=1)
    planned = plan_all(stage)
    said = foretold(stage)
    assert changes(stage) == []
    stage.control.change_settings(drop_ratio=0)

    for each in planned:
        stage.control.send_event(resource="meetings", event="created", data={"id": each})
    hear(stage)

    wanted = {each for each in planned if said[each].flip is Flip.SWITCHING}
    assert len(wanted) == 5
    assert sorted(changes(stage)) == sorted(wanted)
    assert {each for each in planned if row(stage, each).flip == Flip.SWITCHED_ON} == wanted
    for each in set(planned) - wanted:
        assert row(stage, each).flip == said[each].flip
        assert row(stage, each).why == said[each].why
    assert set(switched_on(stage.bench)) == wanted


def test_an_instance_is_never_changed_whatever_its_id_looks_like(on_sqlite: Stage) -> None:
    stage = on_sqlite
    body = {"id": "an-id-of-a-new-kind", "meetingType": "meeting", "state": "lobby"}
    body |= {"title": TITLES[0], "hostEmail": HOSTS[0], "scheduledType": "meeting"}
    stage.control.add_fault(path_regex="/meetings/an-id", method="GET", status=200, body=body)

    data = {"id": body["id"]}
    stage.control.send_event(resource="meetings", event="updated", data=data)
    hear(stage)

    assert row(stage, body["id"]).flip == Flip.NOT_POSSIBLE
    assert stage.asked("/meetings/an-id") != []
    assert changes(stage) == []


def test_what_is_foretold_of_past_meetings_is_what_then_happens(stage: Stage) -> None:
    held = [
        stage.hold_meeting(host_email=host, title=title, timeline="instant", recordings=1)
        for host in HOSTS
        for title in TITLES
    ]
    said = foretold(stage)

    stage.live(hours=1)

    for each in held:
        meeting_id = each["meeting_id"]
        assert stage.meeting(meeting_id).completed_at is not None
        states = set(stage.states(meeting_id).values())
        if said[meeting_id].ingest.wanted:
            assert ("done", None) in states
        else:
            assert states == {("absent", "excluded_by_policy")}
            assert status_of(stage, meeting_id).state == MeetingState.LEFT_OUT
            assert stage.meeting(meeting_id).folder is None
            rules = {each.error for each in stage.ingests(meeting_id)}
            assert rules == {"rule 1 (Private)"} == {said[meeting_id].ingest.rule}
        assert bool(asked_of(stage, meeting_id)) == said[meeting_id].ingest.wanted
    assert sum(not said[each["meeting_id"]].ingest.wanted for each in held) == 3


def test_nothing_is_fetched_before_webex_has_told_whose_meeting_it_was(on_sqlite: Stage) -> None:
    stage = on_sqlite
    held = stage.hold_meeting(title="Job interview", recordings=1)

    stage.live(minutes=14)
    states = stage.states(held["meeting_id"])
    assert states.pop("meetings")[0] == "waiting"
    assert set(states.values()) == {("waiting", "meeting_unknown")}

    stage.live(hours=1)
    assert set(stage.states(held["meeting_id"]).values()) == {("absent", "excluded_by_policy")}
    assert not stage.asked("/recordings")
    assert not stage.asked("/meetingParticipants")


def test_nobody_gets_a_mail_and_what_is_on_is_not_switched_again(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")

    hear(stage)
    stage.control.send_event(resource="meetings", event="updated", data={"id": planned})
    hear(stage)

    assert is_recorded(stage, planned)
    assert changes(stage) == [planned]
    assert row(stage, planned).flip == Flip.SWITCHED_ON


def test_what_is_undone_stays_so_whatever_webex_tells_of_it(stage: Stage) -> None:
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)

    assert undo(stage.bench, [planned]) == {planned: None}
    hear(stage)

    assert not is_recorded(stage, planned)
    assert row(stage, planned).flip == Flip.UNDONE
    assert foretold(stage)[planned].flip is Flip.UNDONE
    assert policy.apply(stage.bench, list(foretold(stage).values())) == []

    policy.apply_to(stage.bench, [planned])
    hear(stage)
    assert is_recorded(stage, planned)


def test_what_was_never_switched_on_is_not_switched_off(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com", auto_record=True)
    hear(stage)

    assert undo(stage.bench, [planned, "unknown"]) == dict.fromkeys(
        (planned, "unknown"), "it was not switched on by us"
    )
    assert is_recorded(stage, planned)


def test_an_undoing_that_webex_refuses_is_said_and_can_be_tried_again(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    stage.control.add_fault(method="PATCH", status=403, times=1)

    refused = undo(stage.bench, [planned])

    assert "403" in (refused[planned] or "")
    assert row(stage, planned).undone_at is None
    assert switched_on(stage.bench) == [planned]
    assert undo(stage.bench, [planned]) == {planned: None}


def test_where_webex_wants_the_content_type_of_its_description_it_gets_it(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    stage.control.add_fault(method="PATCH", status=415, times=1)

    hear(stage)

    types = [
        each["headers"]["Content-Type"]
        for each in stage.asked("/meetings/")
        if each["method"] == "PATCH"
    ]
    assert types == ["application/json", "application/json-patch+json"]
    assert is_recorded(stage, planned)


@pytest.mark.parametrize("status", [400, 405, 415, 501])
def test_where_webex_refuses_a_patch_the_whole_meeting_is_put_and_loses_nothing(
    on_sqlite: Stage, status: int
) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com", title="Demo", agenda="The new one")
    before = stage.bench.accounts.client("").get(f"/meetings/{planned}")
    stage.control.add_fault(method="PATCH", status=status, times=2)

    hear(stage)

    assert changes(stage, "PUT") == [planned]
    after = stage.bench.accounts.client("").get(f"/meetings/{planned}")
    assert after == before | {"enabledAutoRecordMeeting": True}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 403}, "meeting:schedules_write"),
        ({"status": 200, "body": {"enabledAutoRecordMeeting": False}}, "does its site allow"),
    ],
)
def test_a_switch_that_did_not_come_about_is_refused_and_says_why(
    on_sqlite: Stage, answer: dict[str, Any], said: str
) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    stage.control.add_fault(method="PATCH", times=None, **answer)

    hear(stage)

    assert row(stage, planned).flip == Flip.REFUSED
    assert said in (row(stage, planned).why or "")


def test_webex_that_is_away_is_asked_again_until_it_answers(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    stage.control.add_fault(method="PATCH", status=503, times=2)

    for _ in range(3):
        hear(stage)
        stage.advance(120)
    hear(stage)

    assert is_recorded(stage, planned)


def test_a_crash_after_webex_was_told_does_not_hide_that_it_was_us(stage: Stage) -> None:
    planned = plan(stage, host_email="ann@example.com")
    stage.work()
    stage.control.add_fault(method="PATCH", drop=True, skip=0, times=1)
    hear(stage)
    assert row(stage, planned).flip == Flip.SWITCHING
    # What the lost answer would have told: Webex has done it.
    body = {"enabledAutoRecordMeeting": True, "sendEmail": False}
    stage.bench.accounts.client("").send("PATCH", f"/meetings/{planned}", body)

    stage.advance(300)
    hear(stage)

    assert row(stage, planned).flip == Flip.SWITCHED_ON
    assert undo(stage.bench, [planned]) == {planned: None}


def test_a_rule_that_comes_later_leaves_what_is_stored_alone(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    held = stage.hold_meeting(title="Job interview", timeline="instant", recordings=1)
    stage.advance(0)
    stage.live_until_complete(held["meeting_id"])
    before = stage.states(held["meeting_id"])
    files = sorted(stage.place(held["meeting_id"]).rglob("*"))
    stage.bench = replace(stage.bench, policy=Policy.read("ingest = false"))

    stage.control.send_event(
        resource="recordings",
        event="updated",
        data={"id": held["recording_ids"][0], "meetingId": held["meeting_id"]},
    )
    stage.live(hours=1)

    assert stage.states(held["meeting_id"]) == before
    assert sorted(stage.place(held["meeting_id"]).rglob("*")) == files


def test_webex_that_does_not_tell_whether_it_records_is_told_once(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    silent = {"id": planned, "title": "Demo", "hostEmail": "ann@example.com", "state": "active"}
    stage.control.add_fault(
        method="GET", path_regex=f"/meetings/{planned}", status=200, body=silent, times=None
    )

    for _ in range(5):
        # Each change of ours comes back as an event.
        hear(stage)
        stage.advance(60)

    assert changes(stage) == [planned]
    assert row(stage, planned).flip == Flip.SWITCHED_ON


def test_an_undoing_in_the_midst_of_a_switch_has_the_last_word(
    on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    tell, undone = let_record, []

    def late(client: WebexClient, meeting_id: str, **wish: Any) -> bool | None:
        if wish["on"]:
            undone.append(undo(stage.bench, [meeting_id]))
        return tell(client, meeting_id, **wish)

    monkeypatch.setattr(auto_record, "let_record", late)
    hear(stage)

    assert undone == [{planned: None}]
    assert not is_recorded(stage, planned)
    assert row(stage, planned).flip == Flip.UNDONE


def test_an_undoing_that_broke_off_is_ended_by_the_workers(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    with stage.bench.database.transaction() as session:
        undo_flip(session, planned, now=stage.now, hold_seconds=60)

    hear(stage)
    assert is_recorded(stage, planned)
    stage.advance(61)
    hear(stage)

    assert not is_recorded(stage, planned)
    assert switched_on(stage.bench) == []


def test_what_was_undone_stays_so_when_it_is_undone_again_in_vain(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    undo(stage.bench, [planned])
    stage.control.add_fault(method="PATCH", status=503)

    assert undo(stage.bench, [planned])[planned] is not None
    stage.control.send_event(resource="meetings", event="updated", data={"id": planned})
    hear(stage)

    assert not is_recorded(stage, planned)


def test_an_error_does_not_hide_that_it_was_us(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    stage.control.add_fault(method="GET", path_regex=f"/meetings/{planned}", status=403)
    stage.control.send_event(resource="meetings", event="updated", data={"id": planned})
    hear(stage)

    assert row(stage, planned).flip == Flip.SWITCHED_ON
    assert undo(stage.bench, [planned]) == {planned: None}


def test_a_host_that_an_event_tells_later_is_asked_for(make_stage: MakeStage) -> None:
    person = {"email": "admin@example.com", "role": "admin"}
    told = SimulatorSettings.model_validate(
        {"strict_owner": True, "tokens": {"simulator-token": person}}
    )
    stage = make_stage(policy=POLICY, webex_role="admin", simulator_settings=told)
    client = stage.bench.accounts.client("")
    register(client, target_url=stage.door, secret=SECRET, owner=Owner.ORG)
    stage.control.change_settings(drop_ratio=1)
    planned = plan(stage, host_email="ann@example.com")
    stage.advance(0)
    stage.control.change_settings(drop_ratio=0)
    policy.apply_to(stage.bench, [planned])
    hear(stage)
    assert row(stage, planned).flip == Flip.NEW

    data = {"id": planned, "hostEmail": "ann@example.com"}
    stage.control.send_event(resource="meetings", event="updated", data=data)
    hear(stage)

    assert row(stage, planned).flip == Flip.SWITCHED_ON


def test_what_webex_never_tells_of_a_meeting_counts_as_what_a_rule_leaves_out(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(policy='[[rules]]\ntitles = "*interview*"\ningest = false')
    stage.control.add_fault(path_regex="^/v1/meetings/", status=403, times=None)
    held = stage.hold_meeting(title="Job interview", timeline="instant", webhooks=False)

    stage.control.send_event(
        resource="recordings",
        event="created",
        data={"id": held["recording_ids"][0], "meetingId": held["meeting_id"]},
    )
    stage.live(hours=1)

    assert stage.meeting(held["meeting_id"]).folder is None
    assert stage.states(held["meeting_id"])["recordings"] == ("absent", "excluded_by_policy")


def test_the_type_is_read_from_the_list_where_the_details_lack_it(make_stage: MakeStage) -> None:
    stage = make_stage(
        policy='[[rules]]\ntypes = "webinar"\ningest = false',
        simulator_settings=SimulatorSettings(profile="guide"),
    )
    webinar, plain = (
        stage.hold_meeting(scheduled_type=kind, timeline="instant")["meeting_id"]
        for kind in ("webinar", "meeting")
    )
    stage.advance(0)
    said = foretold(stage)

    stage.live(hours=1)

    assert (said[webinar].ingest.wanted, said[plain].ingest.wanted) == (False, True)
    assert stage.meeting(webinar).folder is None
    assert stage.meeting(plain).folder is not None


def test_an_undoing_that_could_not_reach_webex_is_ended_by_the_workers(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    stage.control.add_fault(method="PATCH", status=503)

    assert undo(stage.bench, [planned])[planned] is not None
    assert is_recorded(stage, planned)
    stage.advance(121)
    hear(stage)

    assert not is_recorded(stage, planned)
    assert row(stage, planned).undone_at is not None


def test_one_that_is_off_again_at_once_says_so_and_is_switched_on_later(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = plan(stage, host_email="ann@example.com")
    hear(stage)
    off = {"enabledAutoRecordMeeting": False, "sendEmail": False}
    stage.bench.accounts.client("").send("PATCH", f"/meetings/{planned}", off)
    hear(stage)

    assert not is_recorded(stage, planned)
    assert "off again within an hour" in (row(stage, planned).why or "")
    stage.advance(3601)
    stage.control.send_event(resource="meetings", event="updated", data={"id": planned})
    hear(stage)
    assert is_recorded(stage, planned)
    assert row(stage, planned).why is None


def test_a_meeting_that_webex_cannot_read_itself_hides_no_other(on_sqlite: Stage) -> None:
    stage = on_sqlite
    planned = {plan(stage, title=title, host_email="ann@example.com") for title in "abc"}
    answer = {"unreadable_items": 1}
    stage.control.add_fault(path_regex="/v1/meetings$", answer=answer, times=None)
    told: list[str] = []

    week = timedelta(days=7)
    found = policy.forecast(
        stage.bench,
        since=stage.now - week,
        until=stage.now + week,
        unasked=lambda name, error: told.append(f"{name}: {error}"),
    )

    assert len({each.meeting.id for each in found} & planned) == 2
    assert told == [": Webex could not read 1 item(s) of its list itself"]


def test_an_account_that_cannot_be_asked_is_named_and_hides_no_other(make_stage: MakeStage) -> None:
    stage = make_stage(policy=POLICY, encryption_key=Fernet.generate_key().decode())
    planned = plan(stage, host_email="ann@example.com")
    wrong = TokenPair("not-a-token-of-webex", None, None, None, None)
    stage.bench.accounts.keeper.keep("another", wrong)
    unasked: list[str] = []

    week = timedelta(days=7)
    found = policy.forecast(
        stage.bench,
        since=stage.now - week,
        until=stage.now + week,
        unasked=lambda name, _error: unasked.append(name),
    )

    assert planned in {each.meeting.id for each in found}
    assert unasked == ["another"]
