"""Parts of one large file that are fetched side by side make the same file."""

import hashlib

import pytest

from app.archive.ranges import OVERLAP_BYTES, SEGMENT_BYTES
from app.archive.resume import COMPARED_BYTES
from app.archive.transfer import Transfer
from app.errors import LeaseLost, MediaBusy, WorkerStopping
from app.webex.client import WebexClient
from simulator import Simulator
from tests.archive.conftest import Fetch, MakeFetch, Recorded

BYTES = 5 * SEGMENT_BYTES // 2


@pytest.fixture
def large(simulator: Simulator, client: WebexClient) -> Recorded:
    told = simulator.control.hold_meeting(
        recordings=[{"bytes": BYTES, "audio": False}], transcripts=0, timeline="instant"
    )
    files = simulator.control.truth(told["meeting_id"])["files"]
    by_kind = {each["kind"]: each for each in files}
    return Recorded(simulator, client, told["recording_ids"][0], by_kind)


def fetch_in_ranges(large: Recorded, make_fetch: MakeFetch, **more: object) -> Fetch:
    return make_fetch(large.video, allowed=large.origin, ranges=4, ranges_from_bytes=BYTES, **more)


def is_right(content: bytes, fetch: Fetch, large: Recorded) -> bool:
    sha256: str = large.true_files["video"]["sha256"]
    return (hashlib.sha256(content).hexdigest(), fetch.part.sha256) == (sha256, sha256)


def bounds(large: Recorded) -> set[str | None]:
    return set(large.ranges())


SEGMENTS = {
    f"bytes=0-{SEGMENT_BYTES - 1}",
    f"bytes={SEGMENT_BYTES - OVERLAP_BYTES}-{2 * SEGMENT_BYTES - 1}",
    f"bytes={2 * SEGMENT_BYTES - OVERLAP_BYTES}-{BYTES - 1}",
}


def test_a_large_file_comes_in_ranges(large: Recorded, make_fetch: MakeFetch) -> None:
    fetch = fetch_in_ranges(large, make_fetch)

    assert is_right(fetch.run(), fetch, large)
    assert bounds(large) == {None} | SEGMENTS
    conditions = {each["headers"].get("If-Range") for each in large.asked()}
    assert conditions == {None, fetch.transfer.resume.validator}
    assert len(fetch.links) == 1


@pytest.mark.parametrize("settings", [{"media_etag": False}, {"media_ranges": False}])
def test_without_a_strong_tag_or_ranges_it_comes_in_one_piece(
    large: Recorded, make_fetch: MakeFetch, settings: dict[str, bool]
) -> None:
    large.simulator.control.change_settings(**settings)
    fetch = fetch_in_ranges(large, make_fetch)

    assert is_right(fetch.run(), fetch, large)
    assert large.ranges() == [None]


def test_a_small_file_comes_in_one_piece(large: Recorded, make_fetch: MakeFetch) -> None:
    fetch = make_fetch(large.video, allowed=large.origin, ranges=4, ranges_from_bytes=BYTES + 1)

    assert is_right(fetch.run(), fetch, large)
    assert large.ranges() == [None]


@pytest.mark.parametrize(
    "fault",
    [
        {"after_bytes": 1_000_000},
        {"drop": True},
        {"status": 403},
        {"body": "<html>502</html>", "status": 200},
        {"media": {"ignore_range": True}},
        {"media": {"total_off_by": 1}},
        {"media": {"etag": "other"}},
        {"media": {"shift_bytes": 1000}},
        {"media": {"shift_bytes": -1000, "hide_shift": True}},
    ],
)
@pytest.mark.parametrize("skip", [1, 2, 3])
def test_a_range_that_goes_wrong_is_fetched_again(
    large: Recorded, make_fetch: MakeFetch, fault: dict[str, object], skip: int
) -> None:
    large.simulator.control.add_fault(origin="media", skip=skip, **fault)
    fetch = fetch_in_ranges(large, make_fetch)

    assert is_right(fetch.run(), fetch, large)


def test_what_counts_is_the_unbroken_beginning(large: Recorded, make_fetch: MakeFetch) -> None:
    # Which of the segments is asked for third is nobody's choice.
    large.simulator.control.add_fault(origin="media", skip=2, status=503)
    fetch = fetch_in_ranges(large, make_fetch)

    with pytest.raises(MediaBusy, match="503"):
        fetch.run()

    assert fetch.part.size in (0, SEGMENT_BYTES, 2 * SEGMENT_BYTES)
    assert fetch.transfer.received == fetch.part.size
    assert fetch.part.path.stat().st_size == fetch.part.size

    again = fetch_in_ranges(
        large, make_fetch, total=BYTES, validator=fetch.transfer.resume.validator
    )
    again.part.take_over(fetch.part.path, fetch.part.size)
    assert is_right(again.run(), again, large)


@pytest.mark.parametrize("media", [{"ignore_range": True}, {"etag": "missing"}])
def test_a_host_that_gives_no_ranges_after_all_gives_one_stream(
    large: Recorded, make_fetch: MakeFetch, media: dict[str, object]
) -> None:
    large.simulator.control.add_fault(origin="media", skip=1, times=3, media=media)
    fetch = fetch_in_ranges(large, make_fetch)

    assert is_right(fetch.run(), fetch, large)
    # How many ranges were asked for before the first was refused is nobody's choice.
    asked = large.ranges()
    assert asked.count(None) == 2
    assert set(asked) <= {None} | SEGMENTS
    assert fetch.part.path.stat().st_size == BYTES


@pytest.mark.parametrize("error", [WorkerStopping, LeaseLost])
def test_ranges_end_at_once_when_the_transfer_must(
    large: Recorded, make_fetch: MakeFetch, error: type[Exception]
) -> None:
    large.simulator.control.change_settings(media_bytes_per_second=20_000_000)

    def end(transfer: Transfer) -> None:
        if transfer.received > SEGMENT_BYTES // 4:
            raise error("on purpose")

    fetch = fetch_in_ranges(large, make_fetch, on_progress=end, slow_seconds=0.4)
    with pytest.raises(error, match="on purpose"):
        fetch.run()

    assert fetch.part.size < BYTES


def test_another_attempt_goes_on_from_where_ranges_came_to(
    large: Recorded, make_fetch: MakeFetch
) -> None:
    stopping: list[bool] = []
    first: Fetch = fetch_in_ranges(
        large, make_fetch, stopping=lambda: bool(stopping) or first.part.size > 0
    )
    with pytest.raises(WorkerStopping):
        first.run()
    size = first.part.size
    assert size in (SEGMENT_BYTES, 2 * SEGMENT_BYTES)
    first.part.sync()

    second = fetch_in_ranges(
        large, make_fetch, total=BYTES, validator=first.transfer.resume.validator
    )
    second.part.take_over(first.part.path, size)

    assert is_right(second.run(), second, large)
    assert f"bytes={size - COMPARED_BYTES}-" in bounds(large)
