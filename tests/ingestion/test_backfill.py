"""What webhooks missed is found in Webex's lists, and brought in behind what is fresh."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.db.cursors import cursors_of
from app.db.ticks import last_tick
from app.errors import WebexError
from app.ingestion.backfill import (
    BEAT,
    Span,
    Step,
    backfill_due,
    begin,
    feeds_of,
    left_of,
    look_through,
    read_on,
)
from app.ingestion.tokens import OF_SETTINGS
from app.models.words import Priority
from app.webex.sign_in import TokenPair
from simulator import Settings as SimulatorSettings
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.stage import Stage

WEEK = timedelta(days=7)
PURPOSE = "some days"


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage whose webhooks are all lost."""
    stage = make_stage()
    stage.control.change_settings(drop_ratio=1)
    return stage


def held(stage: Stage, **order: Any) -> str:
    """A meeting that ended a moment ago, and of which nobody tells; its id."""
    meeting_id: str = stage.hold_meeting(timeline="instant", **order)["meeting_id"]
    stage.advance(60)
    return meeting_id


def backfill(stage: Stage, *, host: str | None = None, days: int = 7) -> list[Step]:
    """Read all of Webex's lists of some days."""
    span = Span(stage.now - timedelta(days=days), stage.now + timedelta(minutes=1), host)
    begin(stage.bench, PURPOSE, span, fail)
    return list(read_on(stage.bench, PURPOSE, refused=fail, host_email=host))


def fail(feed: object, error: WebexError) -> None:
    raise AssertionError(f"{feed}: {error}")


def found(steps: list[Step]) -> dict[str, tuple[int, int]]:
    """What was listed and what of it was new, by resource."""
    sums: dict[str, tuple[int, int]] = {}
    for each in steps:
        listed, new = sums.get(each.feed[1], (0, 0))
        sums[each.feed[1]] = (listed + each.listed, new + each.new)
    return sums


def test_meetings_of_which_no_webhook_came_are_brought_whole(stage: Stage) -> None:
    meetings = [held(stage, recordings=2, transcripts=1) for _ in range(3)]

    steps = backfill(stage)

    assert found(steps) == {"meetings": (3, 3), "recordings": (6, 6), "meetingTranscripts": (3, 3)}
    for meeting_id in meetings:
        known = stage.meeting(meeting_id)
        assert (known.source, known.title, known.host_email) == (
            "backfill",
            "Weekly sync",
            "host@example.com",
        )
        assert None not in (known.start_at, known.end_at, known.site_url)
        stage.live_until_complete(meeting_id)
        assert differences(stage, meeting_id) == []


def test_an_id_that_no_meeting_can_have_makes_none(stage: Stage) -> None:
    odd = {"id": "../../etc/x_I_1", "state": "ended", "meetingType": "meeting"}
    stage.control.add_fault(path_regex="^/v1/meetings[?]", body={"items": [odd]}, times=None)

    assert found(backfill(stage))["meetings"] == (0, 0)


def test_what_is_known_is_no_news(stage: Stage) -> None:
    meeting_id = held(stage)
    backfill(stage)
    stage.live_until_complete(meeting_id)
    before = [(each.state, each.attempt) for each in stage.ingests(meeting_id)]

    steps = backfill(stage)
    stage.work()

    assert {new for _, new in found(steps).values()} == {0}
    assert [(each.state, each.attempt) for each in stage.ingests(meeting_id)] == before


def test_each_list_finds_what_the_others_miss(stage: Stage) -> None:
    nothing: dict[str, Any] = {"items": []}
    stage.control.add_fault(path_regex="^/v1/meetings[?]", body=nothing, times=None)
    recorded = held(stage, recordings=1, transcripts=0)
    backfill(stage)
    stage.control.add_fault(path_regex="^/v1/recordings[?]", body=nothing, times=None)
    written = held(stage, recordings=0, transcripts=1)
    backfill(stage)
    stage.control.forget_faults()

    for meeting_id in (recorded, written):
        assert stage.meeting(meeting_id).source == "backfill"
        stage.live_until_complete(meeting_id)
        assert differences(stage, meeting_id) == []


def test_what_appears_after_all_hope_is_found_by_the_list_of_its_kind(stage: Stage) -> None:
    meeting_id = held(stage, recordings=0, transcripts=0)
    backfill(stage)
    stage.live(hours=3)
    assert stage.states(meeting_id)["recordings"][0] == "absent"

    stage.control.add_recording(meeting_id, delay_seconds=0)
    stage.advance(60)
    steps = backfill(stage)
    stage.live_until_complete(meeting_id)

    assert found(steps)["recordings"] == (1, 1)
    assert differences(stage, meeting_id) == []


def test_what_is_brought_in_waits_behind_what_is_fresh(stage: Stage) -> None:
    meeting_id = held(stage)

    backfill(stage)

    assert {each.priority for each in stage.ingests(meeting_id)} == {Priority.BACKFILL}


def test_looking_through_changes_nothing_and_counts_bytes(stage: Stage) -> None:
    meeting_id = held(stage, recordings=[{"bytes": 12_345, "audio": False}])
    span = Span(stage.now - WEEK, stage.now + timedelta(minutes=1))

    feeds = list(feeds_of(stage.bench, span, fail))
    steps = list(look_through(stage.bench, feeds, span, refused=fail))

    assert found(steps)["recordings"] == (1, 1)
    assert sum(each.new_bytes for each in steps) == 12_345
    with pytest.raises(AssertionError, match="is not known"):
        stage.meeting(meeting_id)
    assert not left_of(stage.bench, PURPOSE)


def test_whoever_is_stopped_goes_on_where_he_was(stage: Stage) -> None:
    held(stage)
    span = Span(stage.now - 5 * WEEK, stage.now)
    begin(stage.bench, PURPOSE, span, fail)
    first = list(islice(read_on(stage.bench, PURPOSE, refused=fail), 3))

    rest = list(read_on(stage.bench, PURPOSE, refused=fail))

    read = [(each.feed, each.reached) for each in [*first, *rest]]
    assert len(read) == len(set(read)) == 3 * 5
    assert not left_of(stage.bench, PURPOSE)


@pytest.fixture
def two(make_stage: MakeStage) -> Stage:
    """A stage with a second account, each of which sees its own meetings; all webhooks are lost."""
    emails = {"simulator-token": "host@example.com", "bobs-token": "bob@example.com"}
    people = {token: {"email": email} for token, email in emails.items()}
    told = SimulatorSettings.model_validate(
        {"strict_owner": True, "tokens": people, "drop_ratio": 1}
    )
    key = Fernet.generate_key().decode()
    stage = make_stage(simulator_settings=told, encryption_key=key)
    stage.bench.accounts.add("bob", TokenPair("bobs-token", None, None, None, None))
    return stage


def test_whoever_goes_on_reads_lists_of_accounts_that_could_not_be_asked_before(two: Stage) -> None:
    held(two, host_email="host@example.com")
    meeting_id = held(two, host_email="bob@example.com")
    span = Span(two.now - WEEK, two.now)
    refused: list[str] = []
    two.control.add_fault(path_regex="^/v1/meetingPreferences", status=503, times=None, skip=1)
    begin(two.bench, PURPOSE, span, lambda feed, _: refused.append(feed[0]))
    list(islice(read_on(two.bench, PURPOSE, refused=fail), 1))
    two.control.forget_faults()
    assert refused == ["bob"]

    begin(two.bench, PURPOSE, span, fail, is_new=False)
    rest = list(read_on(two.bench, PURPOSE, refused=fail))

    assert [each.feed[0] for each in rest] == 2 * [OF_SETTINGS] + 3 * ["bob"]
    assert two.meeting(meeting_id).account == "bob"


def test_whoever_goes_on_waits_for_no_account_that_is_no_more(two: Stage) -> None:
    span = Span(two.now - WEEK, two.now)
    begin(two.bench, PURPOSE, span, fail)
    two.bench.accounts.remove("bob")

    begin(two.bench, PURPOSE, span, fail, is_new=False)
    read = list(read_on(two.bench, PURPOSE, refused=fail))

    assert {each.feed[0] for each in read} == {OF_SETTINGS}
    assert not left_of(two.bench, PURPOSE)


def test_a_list_that_is_refused_holds_up_no_other_and_is_read_the_next_time(stage: Stage) -> None:
    held(stage)
    stage.control.add_fault(path_regex="^/v1/recordings[?]", status=503, times=3)
    span = Span(stage.now - WEEK, stage.now)
    refused: list[str] = []
    begin(stage.bench, PURPOSE, span, fail)

    steps = list(read_on(stage.bench, PURPOSE, refused=lambda feed, _: refused.append(feed[1])))
    again = list(read_on(stage.bench, PURPOSE, refused=fail))

    assert refused == ["recordings"]
    assert set(found(steps)) == {"meetings", "meetingTranscripts"}
    assert found(again) == {"recordings": (1, 1)}


def test_beat_begins_again_when_it_is_time_and_reads_on_before(stage: Stage) -> None:
    began = stage.now
    backfill_due(stage.bench)
    meeting_id = held(stage)
    backfill_due(stage.bench)
    with stage.bench.database.reading() as session:
        assert all(each.is_finished for each in cursors_of(session, BEAT))
    assert last_read(stage) == began
    with pytest.raises(AssertionError, match="is not known"):
        stage.meeting(meeting_id)

    stage.advance(600)
    backfill_due(stage.bench)
    assert last_read(stage) == began, "there was nothing to read on"
    stage.advance(3000)
    backfill_due(stage.bench)
    assert last_read(stage) == stage.now

    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


def last_read(stage: Stage) -> datetime | None:
    """When all lists had been read to their end."""
    with stage.bench.database.reading() as session:
        return last_tick(session, "backfill")


@pytest.mark.parametrize("status", [403, 503])
def test_a_list_that_is_never_to_be_had_does_not_keep_the_others_from_being_read_again(
    stage: Stage, status: int
) -> None:
    stage.control.add_fault(path_regex="^/v1/meetingTranscripts", status=status, times=None)
    backfill_due(stage.bench)
    meeting_id = held(stage, transcripts=0)

    for _ in range(7):
        stage.advance(600)
        backfill_due(stage.bench)

    assert (last_read(stage) is None) == (status == 503), "what Webex may refuse is read"
    stage.control.forget_faults()
    stage.live_until_complete(meeting_id)
    if status == 403:
        asked = [each for each in stage.asked("/meetingTranscripts") if each["status"] == 403]
        assert len(asked) == 2, "once each time that it begins"


def test_a_budget_that_is_spent_in_the_middle_of_a_list_costs_no_page_again(stage: Stage) -> None:
    for _ in range(4):
        held(stage, recordings=0, transcripts=0)
    stage.control.change_settings(page_size_cap=1)
    later: dict[str, Any] = {"status": 429, "headers": {"Retry-After": "1"}, "skip": 2}
    stage.control.add_fault(path_regex="^/v1/meetings[?]", **later)
    begin(stage.bench, PURPOSE, Span(stage.now - WEEK, stage.now), fail)
    waits: list[float] = []

    list(read_on(stage.bench, PURPOSE, refused=fail, wait=waits.append))

    whole = [each for each in stage.asked("/meetings") if each["status"] == 200]
    pages = [each["query"] for each in whole if each["path"] == "/v1/meetings"]
    assert waits
    assert len(pages) == len(set(pages)) >= 4


def test_beat_comes_through_a_week_that_is_longer_than_a_budget(stage: Stage) -> None:
    for _ in range(5):
        held(stage, recordings=0, transcripts=0)
        stage.advance(86400)
    stage.control.change_settings(page_size_cap=1)
    for _ in range(7):
        stage.control.forget_faults()
        # As a spent budget, but without its pause in real seconds.
        refused = {"status": 200, "body": "not now", "skip": 4, "times": None}
        stage.control.add_fault(path_regex="^/v1/meetings[?]", **refused)
        backfill_due(stage.bench)
        stage.advance(60)

    with stage.bench.database.reading() as session:
        assert all(each.is_finished for each in cursors_of(session, BEAT))


def test_a_list_may_have_many_items_of_the_same_instant(stage: Stage) -> None:
    meetings = [stage.hold_meeting(timeline="instant", recordings=0) for _ in range(130)]
    stage.advance(60)

    steps = backfill(stage)

    assert found(steps)["meetings"] == (130, 130)
    assert all(stage.meeting(each["meeting_id"]) for each in meetings)


def test_one_host_is_looked_for_alone(make_stage: MakeStage) -> None:
    token = {"simulator-token": {"email": "admin@example.com", "role": "admin"}}
    told = SimulatorSettings.model_validate({"tokens": token})
    stage = make_stage(simulator_settings=told, webex_role="admin")
    stage.control.change_settings(drop_ratio=1)
    ann, bob = (held(stage, host_email=f"{name}@example.com") for name in ("ann", "bob"))

    steps = backfill(stage, host="Ann@example.com")

    assert found(steps) == {"meetings": (1, 1), "recordings": (1, 1)}
    assert stage.meeting(ann)
    with pytest.raises(AssertionError, match="is not known"):
        stage.meeting(bob)
