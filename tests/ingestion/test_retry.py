"""What comes after an attempt that is not done: a table of examples, and what always holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    AnswerUnreadable,
    DiskFull,
    Forbidden,
    Gone,
    HostBusy,
    IngestError,
    LinkDead,
    LinkRefused,
    MediaBroken,
    MediaBusy,
    NoFolderYet,
    NotFound,
    RateLimited,
    ShorterThanListed,
    TokenRefused,
    TooLarge,
    TransferInterrupted,
    WebexError,
    WebexUnavailable,
    WorkerStopping,
)
from app.ingestion.retry import NothingYet, decide, delay_seconds, no_permission
from app.ingestion.workbench import Pace
from app.models.outcomes import Absent, Failed, Outcome, Wait
from app.models.tables import Ingest
from app.models.words import Reason

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PACE = Pace(
    first_seconds=60,
    max_seconds=3600,
    give_up_seconds=48 * 3600,
    settle_seconds=120,
    lease_seconds=30,
    sweep_seconds=2,
)
PASSING: list[IngestError] = [
    WebexUnavailable("no answer"),
    AnswerUnreadable("not JSON"),
    LinkDead("the link is dead"),
    TransferInterrupted("the connection broke"),
    MediaBusy("the media host answered 503"),
    MediaBroken("no whole file"),
]
LASTING: list[IngestError] = [
    WebexError("Webex answered 400"),
    LinkRefused("the link leads to elsewhere"),
    TooLarge("the file is too large"),
]

counts = st.integers(0, 200)
seconds_left = st.integers(-(10**6), 10**6)
paces = st.builds(
    lambda first, most: replace(PACE, first_seconds=first, max_seconds=most),
    st.floats(0.01, 1000),
    st.floats(0.01, 10_000),
)


def row(*, left: float = 3600, looks: int = 0, tries: int = 0) -> Ingest:
    """A row with so many seconds of patience left."""
    return Ingest(
        meeting_row_id=1,
        resource="recordings",
        queue="poll",
        attempt=1,
        looks=looks,
        tries=tries,
        patience_until=NOW + timedelta(seconds=left),
        opened_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("left", "looks", "absent"),
    [
        (3600, 0, False),
        (3600, 50, False),
        (1, 1, False),
        (0, 0, False),
        (-3600, 0, False),
        (0, 1, True),
        (-3600, 7, True),
    ],
)
def test_what_has_not_appeared_is_absent_after_patience_and_two_looks(
    left: float, looks: int, absent: bool
) -> None:
    for what in (NothingYet(), NotFound("404")):
        outcome = decide(what, row(left=left, looks=looks), PACE, NOW)

        assert (outcome == Absent(Reason.GAVE_UP)) is absent


@pytest.mark.parametrize("error", LASTING, ids=lambda error: error.code)
def test_what_nobody_can_mend_by_waiting_fails_at_once(error: IngestError) -> None:
    assert decide(error, row(), PACE, NOW) == Failed(error.code, str(error))


@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.code)
@pytest.mark.parametrize(
    ("left", "tries", "failed"),
    [(3600, 0, False), (3600, 99, False), (0, 0, False), (0, 3, False), (0, 4, True)],
)
def test_what_may_pass_fails_after_patience_and_five_tries(
    error: IngestError, left: float, tries: int, failed: bool
) -> None:
    outcome = decide(error, row(left=left, tries=tries), PACE, NOW)

    if failed:
        assert outcome == Failed(error.code, str(error))
    else:
        assert isinstance(outcome, Wait)
        assert (outcome.reason, outcome.error_code) == (Reason.RETRYING, error.code)
        assert not outcome.looked


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DiskFull("the disk is full"), Reason.DISK_FULL),
        (TokenRefused("401"), Reason.TOKEN_REFUSED),
        (RateLimited("429", retry_after_seconds=5), Reason.RATE_LIMITED),
        (WorkerStopping("the worker stops"), Reason.SHUTDOWN),
        (HostBusy("4 transfers are under way"), Reason.HOST_BUSY),
    ],
)
@given(left=seconds_left, looks=counts, tries=counts)
def test_what_is_no_fault_of_the_work_never_ends_it_and_never_counts(
    error: IngestError, reason: Reason, left: float, looks: int, tries: int
) -> None:
    outcome = decide(error, row(left=left, looks=looks, tries=tries), PACE, NOW)

    assert isinstance(outcome, Wait)
    assert (outcome.reason, outcome.counts, outcome.looked) == (reason, False, False)


@given(left=seconds_left, tries=counts)
def test_an_attempt_that_got_further_neither_counts_nor_ends_anything(
    left: float, tries: int
) -> None:
    error = MediaBusy("503")
    error.got_further = True

    outcome = decide(error, row(left=left, tries=tries), PACE, NOW)

    assert isinstance(outcome, Wait)
    assert (outcome.counts, outcome.error_code) == (False, "media_busy")


def test_a_second_link_is_asked_before_fewer_bytes_are_believed_however_late_it_is() -> None:
    outcome = decide(ShorterThanListed("less than listed"), row(left=-9, tries=40), PACE, NOW)

    assert isinstance(outcome, Wait)


def test_what_webex_will_not_give_is_absent() -> None:
    assert decide(Forbidden("403"), row(), PACE, NOW) == no_permission(row().resource)
    assert decide(Gone("410"), row(), PACE, NOW) == Absent(Reason.DELETED_AT_SOURCE)


def test_a_meeting_without_a_folder_waits_for_its_details() -> None:
    outcome = decide(NoFolderYet("not known"), row(left=-1, looks=9), PACE, NOW)

    assert isinstance(outcome, Wait)
    assert outcome.reason == Reason.MEETING_UNKNOWN


@given(left=seconds_left, looks=counts)
def test_nothing_is_absent_before_its_patience_is_over_or_with_one_look(
    left: float, looks: int
) -> None:
    outcome = decide(NothingYet(), row(left=left, looks=looks), PACE, NOW)

    assert isinstance(outcome, Absent) == (left <= 0 and looks >= 1)
    assert isinstance(outcome, Absent) or (isinstance(outcome, Wait) and outcome.looked)


@given(pace=paces, left=st.integers(1, 10**6), looks=counts)
def test_a_look_is_due_when_the_patience_ends_not_after_it(
    pace: Pace, left: int, looks: int
) -> None:
    patient = row(left=left, looks=looks)

    outcome = decide(NothingYet(), patient, pace, NOW)

    assert NOW < wait(outcome).until <= patient.patience_until


@given(pace=paces, count=counts)
def test_waits_grow_by_half_within_a_fifth_and_are_bounded(pace: Pace, count: int) -> None:
    middle = min(pace.first_seconds * 1.5**count, pace.max_seconds)

    waits = [delay_seconds(count, pace) for _ in range(20)]

    assert all(middle * 0.8 * 0.999 <= each <= middle * 1.2 * 1.001 for each in waits)


@given(pace=paces, tries=counts, left=st.integers(1, 10**6))
def test_no_error_waits_for_longer_than_the_longest_wait(pace: Pace, tries: int, left: int) -> None:
    for error in PASSING:
        outcome = decide(error, row(left=left, tries=tries), pace, NOW)
        assert seconds(outcome) <= pace.max_seconds * 1.2 + 0.001


@given(asked=st.floats(1, 86_400))
def test_a_rate_limit_is_waited_for_as_long_as_asked_and_not_much_longer(asked: float) -> None:
    limited = decide(RateLimited("429", retry_after_seconds=asked), row(), PACE, NOW)

    assert asked - 0.001 <= seconds(limited) <= asked * 1.5 + 0.001


@given(asked=st.floats(0, 86_400), tries=counts)
def test_a_busy_media_host_is_left_alone_for_as_long_as_it_asks(asked: float, tries: int) -> None:
    busy = MediaBusy("503", retry_after_seconds=asked)

    assert seconds(decide(busy, row(tries=tries), PACE, NOW)) >= asked - 0.001


def test_what_waits_at_a_gate_does_not_come_back_at_one_moment() -> None:
    limited = RateLimited("429", retry_after_seconds=60)

    assert len({wait(decide(limited, row(), PACE, NOW)).until for _ in range(50)}) > 40


def wait(outcome: Outcome) -> Wait:
    assert isinstance(outcome, Wait)
    return outcome


def seconds(outcome: Outcome) -> float:
    return (wait(outcome).until - NOW).total_seconds()
