"""Bytes that were served twice are told apart by why, and deliveries by what they tell."""

from typing import Any

import pytest

from chaos.traffic import COMPARED_BYTES, acknowledged, served

SIZES = {("r1", "video"): 1_000_000}


def request(sent: int, first: int | None = None, *, faulty: bool = False) -> dict[str, Any]:
    headers = {} if first is None else {"Range": f"bytes={first}-"}
    return {
        "recording_id": "r1",
        "kind": "video",
        "status": 200 if first is None else 206,
        "bytes_sent": sent,
        "faulty": faulty,
        "headers": headers,
    }


def delivery(event: str, data_id: str, *, outcome: str = "delivered") -> dict[str, Any]:
    resource, _, name = event.partition(".")
    return {
        "resource": resource,
        "event": name,
        "data_id": data_id,
        "outcome": outcome,
        "seconds": 0.01,
    }


def test_a_file_that_came_at_once_was_served_once() -> None:
    found = served([request(1_000_000)], SIZES)

    assert (found.ratio, found.broken_by_kills) == (1.0, 0)


@pytest.mark.parametrize(("faulty", "faults", "kills"), [(True, 400_000, 0), (False, 0, 400_000)])
def test_what_is_served_again_is_told_apart(faulty: bool, faults: int, kills: int) -> None:
    answers = [request(600_000, faulty=faulty), request(800_000, 200_000 - COMPARED_BYTES)]
    found = served(answers, SIZES)

    assert (found.again_after_faults, found.again_after_kills) == (faults, kills)
    assert found.broken_by_kills == (0 if faulty else 1)
    assert found.ratio == pytest.approx(1.0, abs=0.1)


def test_what_had_come_whole_and_is_asked_for_again_is_waste() -> None:
    found = served([request(1_000_000)] * 5, SIZES)

    assert (found.again_after_kills, found.broken_by_kills) == (0, 0)
    assert found.ratio == 5.0


def test_what_came_whole_and_wrong_is_asked_for_again_with_need() -> None:
    found = served([request(1_000_000, faulty=True), request(1_000_000)], SIZES)

    assert found.again_after_faults == 1_000_000 - COMPARED_BYTES
    assert found.ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("status", [503, 416, 200])
def test_an_error_or_a_page_in_between_serves_nothing_again(status: int) -> None:
    refusal = request(70, faulty=True) | {"status": status}
    resumed = request(464_288, 600_000 - COMPARED_BYTES)
    restarted = request(1_000_000)

    found = served([request(600_000), refusal, resumed], SIZES)
    assert (found.again_after_faults, found.again_after_kills) == (0, 0)
    found = served([request(600_000), refusal, restarted], SIZES)
    assert found.ratio == pytest.approx(1.0, abs=0.1)


def test_what_ends_before_it_came_as_far_was_not_all_served_again() -> None:
    found = served([request(600_000), request(100_000), request(1_000_000)], SIZES)

    assert found.again_after_kills == 2 * (100_000 - COMPARED_BYTES)


def test_the_end_that_is_compared_counts_as_nobodys_fault() -> None:
    found = served([request(600_000), request(464_288, 600_000 - COMPARED_BYTES)], SIZES)

    assert (found.again_after_faults, found.again_after_kills) == (0, 0)


def test_a_resumed_request_that_got_everything_counts_from_the_beginning() -> None:
    everything = request(1_000_000, 500_000) | {"status": 200}

    assert served([request(500_000), everything], SIZES).again_after_kills == 434_464


@pytest.mark.parametrize(
    ("event", "data_id", "told"),
    [
        ("meetings.ended", "m1", True),
        ("recordings.created", "r1", True),
        ("meetings.started", "m1", False),
        ("meetingParticipants.left", "p1", False),
        ("recordings.created", "stranger", False),
    ],
)
def test_only_what_tells_of_an_ended_meeting_obliges(event: str, data_id: str, told: bool) -> None:
    found = acknowledged([delivery(event, data_id)], {"m1": {"m1", "r1"}})

    assert (found.meetings == {"m1"}) == told
    assert found.events == 1


def test_what_was_not_answered_well_was_not_acknowledged() -> None:
    failed = delivery("meetings.ended", "m1", outcome="failed")

    assert acknowledged([failed], {"m1": {"m1"}}).meetings == set()
