"""The report says of every meeting that Webex lists how it stands here, and what is missing."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.figures import count_gaps
from app.errors import WebexUnavailable
from app.ingestion.backfill import Span, begin, read_on
from app.ingestion.report import make_report
from app.models.report import Report, ReportLine, Standing, lag_of, totals_by
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.ingestion.benches import deliver
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage

DAY = timedelta(days=1)


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage that gives up early."""
    return make_stage(poll_give_up_hours=4)


def held(stage: Stage, **order: Any) -> str:
    """A meeting that ended a moment ago; its id."""
    meeting_id: str = stage.hold_meeting(**{"timeline": "instant", **order})["meeting_id"]
    stage.advance(60)
    return meeting_id


def lost(stage: Stage, **order: Any) -> str:
    """A meeting of which nobody tells; its id."""
    return held(stage, webhooks=False, **order)


def report(stage: Stage, days: int = 7) -> Report:
    return make_report(stage.bench, stage.now - days * DAY, stage.now)


def line(stage: Stage, meeting_id: str) -> ReportLine:
    (found,) = (each for each in report(stage).lines if each.meeting_id == meeting_id)
    return found


def backfill(stage: Stage, days: int = 8) -> None:
    span = Span(stage.now - days * DAY, stage.now)
    begin(stage.bench, "days", span, lambda *_: None)
    list(read_on(stage.bench, "days", refused=lambda *_: None))


def test_what_is_here_is_no_gap_and_tells_how_long_it_took(stage: Stage) -> None:
    meeting_id = held(stage, timeline={"ended_webhook": 5, "recordings": 600, "details": 300})
    stage.live_until_complete(meeting_id)
    made = report(stage)

    (found,) = made.lines
    assert (found.standing, found.is_listed, found.missing) == (Standing.HERE, True, [])
    assert found.bytes > 0
    assert made.is_proof
    assert 600 <= (lag_of(made.lines).p50 or 0) < 3600


def test_what_nobody_told_of_is_a_gap_until_it_is_fetched(stage: Stage) -> None:
    meeting_id = lost(stage)
    before = line(stage, meeting_id)

    backfill(stage)
    fetched = line(stage, meeting_id)
    stage.live_until_complete(meeting_id)

    assert (before.standing, before.gap, before.is_listed) == (Standing.UNKNOWN, True, True)
    assert "backfill" in before.missing[0]
    assert (fetched.standing, fetched.gap) == (Standing.WAITING, False)
    assert line(stage, meeting_id).standing is Standing.HERE


def test_what_is_listed_without_a_start_is_a_gap_as_well(stage: Stage) -> None:
    items = [{"id": "0123456789abcdef0123456789abcdef_I_7", "meetingType": "meeting"}]
    stage.control.add_fault(path_regex="^/v1/meetings[?]", body={"items": items}, times=None)

    (found,) = report(stage).lines

    assert (found.standing, found.day, found.gap) == (Standing.UNKNOWN, "?", True)


def test_what_has_failed_is_a_gap_and_says_why(stage: Stage) -> None:
    stage.control.add_fault(path_regex="/recordings/", status=501, times=None)
    meeting_id = held(stage)
    stage.live(hours=1)

    found = line(stage, meeting_id)

    assert (found.standing, found.gap) == (Standing.FAILED, True)
    assert "recording: failed" in found.missing


@pytest.mark.parametrize("asks", [True, False])
def test_what_has_failed_before_anybody_knew_its_start_is_a_gap_of_when_it_was_heard_of(
    stage: Stage, asks: bool
) -> None:
    stage.control.add_fault(path_regex="^/v1/meetings/", status=501, times=None)
    deliver(stage.bench, "meetings", "ended", id="0123456789abcdef0123456789abcdef_I_7")
    stage.live(hours=1)

    made = make_report(stage.bench, stage.now - DAY, stage.now, asks=asks)

    (found,) = made.lines
    assert (found.standing, found.day, found.is_listed) == (Standing.FAILED, "?", None)
    assert (
        make_report(stage.bench, stage.now - 3 * DAY, stage.now - 2 * DAY, asks=False).lines == []
    )
    with stage.bench.database.reading() as session:
        assert count_gaps(session, since=stage.now - DAY, now=stage.now) == 1
        assert count_gaps(session, since=stage.now, now=stage.now) == 0


def test_what_waits_longer_than_it_should_is_a_gap(stage: Stage) -> None:
    meeting_id = held(stage, recordings=0, transcripts=0)
    stage.work()
    assert line(stage, meeting_id).standing is Standing.WAITING

    # Nobody works any more.
    stage.advance(5 * 3600)

    assert (line(stage, meeting_id).standing, line(stage, meeting_id).gap) == (
        Standing.OVERDUE,
        True,
    )


def test_what_is_absent_for_a_reason_is_no_gap(stage: Stage) -> None:
    meeting_id = held(stage, recordings=0, transcripts=0)
    stage.live(hours=5)

    found = line(stage, meeting_id)

    assert (found.standing, found.gap) == (Standing.HERE, False)
    assert any(each.startswith("recordings: the meeting was not recorded") for each in found.absent)


def test_what_the_policy_leaves_out_is_no_gap_and_took_no_time(make_stage: MakeStage) -> None:
    stage = make_stage(policy="ingest = false")
    meeting_id = held(stage)
    stage.live_until_complete(meeting_id)

    made = report(stage)

    (found,) = made.lines
    assert (found.standing, found.gap, found.lag_seconds) == (Standing.LEFT_OUT, False, None)
    assert made.is_proof
    assert lag_of(made.lines).meetings == 0


def test_what_webex_lists_no_more_is_told(stage: Stage) -> None:
    meeting_id = held(stage)
    stage.live_until_complete(meeting_id)
    nothing: dict[str, Any] = {"items": []}
    stage.control.add_fault(path_regex="^/v1/meetings[?]", body=nothing, times=None)

    made = report(stage)

    assert [each.is_listed for each in made.lines] == [False]
    assert made.is_proof


def test_a_list_that_could_not_be_read_proves_nothing(stage: Stage) -> None:
    meeting_id = held(stage)
    stage.live_until_complete(meeting_id)
    stage.control.add_fault(path_regex="^/v1/meetings[?]", status=503, times=None)

    made = report(stage)

    assert not made.is_proof
    assert [(each.standing, each.is_listed) for each in made.lines] == [(Standing.HERE, None)]
    assert made.unread == ["account (settings): Webex answered 503: Simulated"]


def test_asking_that_took_too_long_is_told_beside_what_is_known(stage: Stage) -> None:
    meeting_id = held(stage)
    stage.live_until_complete(meeting_id)

    def too_long() -> None:
        raise WebexUnavailable("it took too long")

    made = make_report(stage.bench, stage.now - DAY, stage.now, look=too_long)

    assert made.unread == ["account (settings): it took too long"]
    assert [each.meeting_id for each in made.lines] == [meeting_id]


def test_without_asking_webex_nothing_is_proven_and_nothing_asked(stage: Stage) -> None:
    lost(stage)
    meeting_id = held(stage)
    stage.live_until_complete(meeting_id)
    stage.control.forget_requests()

    made = make_report(stage.bench, stage.now - DAY, stage.now, asks=False)

    assert stage.control.requests() == []
    assert [(each.meeting_id, each.is_listed) for each in made.lines] == [(meeting_id, None)]
    assert (made.gaps, made.unread, made.is_proof) == ([], [], False)


@pytest.mark.parametrize("drop_ratio", [1, 0.5])
def test_a_week_of_lost_and_doubled_webhooks_has_no_gap_after_one_backfill(
    make_stage: MakeStage, drop_ratio: float
) -> None:
    stage = make_stage()
    told = {"drop_ratio": drop_ratio, "copies": 2, "random_seed": 7}
    stage.control.change_settings(**told)
    meetings = []
    for _ in range(7):
        meetings += [held(stage, host_email=f"h{n}@example.com") for n in range(2)]
        stage.work()
        stage.advance(86_400 - 120)
    gaps = len(report(stage, 8).gaps)
    stage.control.forget_requests()

    backfill(stage)
    asked = len(stage.control.requests())
    stage.live(hours=3)

    made = report(stage, 8)
    assert 0 < gaps <= len(meetings)
    assert asked <= 7, "three lists, two windows, and the sites"
    assert made.is_proof
    assert [each.standing for each in made.lines] == [Standing.HERE] * len(meetings)
    assert all(differences(stage, each) == [] for each in meetings)
    days = totals_by(made.lines, lambda each: each.day)
    assert [each.meetings for each in days] == [2] * 7
    hosts = totals_by(made.lines, lambda each: each.host_email or "")
    assert [(each.name, each.standings[Standing.HERE]) for each in hosts] == [
        (f"h{n}@example.com", 7) for n in range(2)
    ]
