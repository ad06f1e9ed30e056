"""A transfer from the simulator's media origin ends with every byte, or says why not."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from app.archive.limits import Link
from app.archive.part import Part
from app.archive.resume import COMPARED_BYTES
from app.archive.store import Archive
from app.archive.transfer import LARGEST_PIECE_BYTES, Transfer
from app.errors import (
    DiskFull,
    LeaseLost,
    LinkDead,
    MediaBroken,
    MediaBusy,
    TooLarge,
    TransferInterrupted,
    TransferOverdue,
    WorkerStopping,
)
from app.models.words import Kind
from tests.archive.conftest import VIDEO_BYTES, Fetch, MakeFetch, Recorded
from tests.webex.conftest import NOW

CUT = 1_000_000
AGAIN = CUT - COMPARED_BYTES


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_right(content: bytes, recorded: Recorded, kind: str = "video") -> bool:
    true = recorded.true_files[kind]
    return (len(content), sha256(content)) == (true["bytes"], true["sha256"])


def cut_once(recorded: Recorded, *, at: int = CUT) -> None:
    recorded.simulator.control.add_fault(origin="media", after_bytes=at)


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_file_arrives_byte_for_byte(recorded: Recorded, make_fetch: MakeFetch, kind: str) -> None:
    fetch = make_fetch(getattr(recorded, kind), allowed=recorded.origin)

    content = fetch.run()

    assert is_right(content, recorded, kind)
    assert fetch.part.sha256 == recorded.true_files[kind]["sha256"]
    assert fetch.transfer.resume.total == fetch.part.size
    assert len(fetch.links) == 1


def test_a_media_host_is_asked_for_plain_bytes_without_credentials(
    recorded: Recorded,
    make_fetch: MakeFetch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login alice password invented\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    cut_once(recorded)

    assert is_right(make_fetch(recorded.video, allowed=recorded.origin).run(), recorded)
    assert [each["headers"].get("Authorization") for each in recorded.asked()] == [None, None]
    assert {each["headers"]["Accept-Encoding"] for each in recorded.asked()} == {"identity"}


def test_a_cut_transfer_goes_on_where_it_was(recorded: Recorded, make_fetch: MakeFetch) -> None:
    cut_once(recorded)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)

    assert is_right(fetch.run(), recorded)
    first, second = recorded.asked()
    assert "Range" not in first["headers"]
    assert second["headers"]["Range"] == f"bytes={AGAIN}-"
    assert second["headers"]["If-Range"] == fetch.transfer.resume.validator
    assert second["status"] == 206
    assert len(fetch.links) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"media_etag": False},
        {"media_ranges": False},
        {"media_content_length": False},
        {"media_etag": False, "media_ranges": False},
        {"media_etag": False, "media_content_length": False},
    ],
)
def test_a_cut_transfer_ends_right_whatever_the_host_can(
    recorded: Recorded, make_fetch: MakeFetch, settings: dict[str, bool]
) -> None:
    recorded.simulator.control.change_settings(**settings)
    cut_once(recorded)

    content = make_fetch(recorded.video, allowed=recorded.origin).run()

    assert is_right(content, recorded)
    first, second = recorded.ranges()
    assert first is None
    assert second is not None
    assert CUT // 4 < int(second.strip("bytes=-")) <= AGAIN


def test_a_file_of_unknown_length_arrives(recorded: Recorded, make_fetch: MakeFetch) -> None:
    recorded.simulator.control.change_settings(media_content_length=False)

    assert is_right(make_fetch(recorded.video, allowed=recorded.origin).run(), recorded)


def test_many_cuts_with_progress_are_no_reason_to_give_up(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    for _ in range(8):
        cut_once(recorded, at=200_000)

    assert is_right(make_fetch(recorded.video, allowed=recorded.origin).run(), recorded)
    assert len(recorded.asked()) == 9


def test_three_breaks_without_progress_are_enough(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.add_fault(origin="media", drop=True, times=None)

    with pytest.raises(TransferInterrupted):
        make_fetch(recorded.video, allowed=recorded.origin).run()

    assert len(recorded.asked()) == 3


@pytest.mark.parametrize("manner", ["403-json", "200-html", "302-login"])
def test_a_link_that_dies_on_the_way_is_replaced_at_the_same_offset(
    recorded: Recorded, make_fetch: MakeFetch, manner: str
) -> None:
    recorded.simulator.control.change_settings(expired_link=manner)
    cut_once(recorded)
    expired: list[bool] = []

    def expire() -> bool:
        if fetch.part.size == CUT and not expired:
            expired.append(True)
            recorded.simulator.control.expire_links()
        return False

    fetch = make_fetch(recorded.video, allowed=recorded.origin, stopping=expire)

    assert is_right(fetch.run(), recorded)
    assert len(fetch.links) == 2
    assert recorded.ranges()[-1] == f"bytes={AGAIN}-"
    assert recorded.asked()[-1]["status"] == 206


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refused_link_is_replaced_at_the_same_offset(
    recorded: Recorded, make_fetch: MakeFetch, status: int
) -> None:
    cut_once(recorded)
    recorded.simulator.control.add_fault(origin="media", status=status)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)

    assert is_right(fetch.run(), recorded)
    assert len(fetch.links) == 2
    assert recorded.ranges() == [None, f"bytes={AGAIN}-", f"bytes={AGAIN}-"]


def test_three_dead_links_without_progress_are_enough(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.add_fault(origin="media", status=403, times=None)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)

    with pytest.raises(LinkDead, match="403"):
        fetch.run()
    assert len(fetch.links) == 3


def test_dead_links_with_progress_between_them_are_no_reason_to_give_up(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    for _ in range(5):
        cut_once(recorded, at=300_000)
        recorded.simulator.control.add_fault(origin="media", status=403)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)

    assert is_right(fetch.run(), recorded)
    assert len(fetch.links) == 6


def test_a_link_that_soon_expires_is_replaced_before_the_next_try(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    cut_once(recorded)

    def soon_over() -> Link:
        return Link(recorded.video().url, NOW + timedelta(minutes=10))

    fetch = make_fetch(soon_over, allowed=recorded.origin)

    assert is_right(fetch.run(), recorded)
    assert len(fetch.links) == 2


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (429, {}, None),
        (503, {"Retry-After": "120"}, 120),
        (503, {"Retry-After": "soon"}, None),
        (503, {"Retry-After": "9" * 400}, 24 * 3600),
        (500, {}, None),
        (502, {}, None),
        (504, {}, None),
        (408, {}, None),
        (425, {}, None),
    ],
)
def test_a_busy_host_says_how_long_to_wait(
    recorded: Recorded,
    make_fetch: MakeFetch,
    status: int,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    cut_once(recorded)
    recorded.simulator.control.add_fault(origin="media", status=status, headers=headers)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)

    with pytest.raises(MediaBusy, match=str(status)) as raised:
        fetch.run()

    assert raised.value.retry_after_seconds == seconds
    assert fetch.part.size == CUT


def test_a_short_body_with_a_clean_end_never_gets_a_name(
    recorded: Recorded, make_fetch: MakeFetch, tmp_path: Path
) -> None:
    recorded.simulator.control.add_fault(origin="media", short_bytes=CUT)
    fetch = make_fetch(recorded.video, allowed=recorded.origin)
    archive = Archive(tmp_path, 0)

    fetch.run()

    with pytest.raises(MediaBroken, match="cut"):
        archive.publish(fetch.part, "", "video.mp4", Kind.VIDEO)
    assert not (tmp_path / "video.mp4").exists()


def test_a_file_beyond_the_cap_is_not_begun(recorded: Recorded, make_fetch: MakeFetch) -> None:
    fetch = make_fetch(recorded.video, allowed=recorded.origin, max_bytes=VIDEO_BYTES - 1)

    with pytest.raises(TooLarge, match="TRANSFER_MAX_BYTES"):
        fetch.run()
    assert fetch.part.size == 0


def test_a_file_of_unknown_length_ends_at_the_cap(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.change_settings(media_content_length=False)
    fetch = make_fetch(recorded.video, allowed=recorded.origin, max_bytes=CUT)

    with pytest.raises(TooLarge):
        fetch.run()
    assert fetch.part.size <= CUT + LARGEST_PIECE_BYTES


def test_the_reserve_of_the_disk_is_asked_for_the_whole_rest(
    recorded: Recorded, make_fetch: MakeFetch, tmp_path: Path
) -> None:
    wanted: list[int] = []
    cut_once(recorded)

    fetch = make_fetch(recorded.video, allowed=recorded.origin, check_space=wanted.append)
    fetch.run()

    assert wanted == [VIDEO_BYTES, VIDEO_BYTES - CUT]
    full = Archive(tmp_path, reserve_bytes=2**62)
    with pytest.raises(DiskFull):
        make_fetch(recorded.video, allowed=recorded.origin, check_space=full.check_space).run()


def test_a_stopping_worker_keeps_what_it_has_and_another_goes_on(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    first: Fetch = make_fetch(
        recorded.video, allowed=recorded.origin, stopping=lambda: first.part.size > CUT
    )
    with pytest.raises(WorkerStopping):
        first.run()
    assert CUT < first.part.size < VIDEO_BYTES
    size = first.part.size

    second = make_fetch(
        recorded.video,
        allowed=recorded.origin,
        total=first.transfer.resume.total,
        validator=first.transfer.resume.validator,
    )
    second.part.take_over(first.part.path, size)

    assert is_right(second.run(), recorded)
    assert recorded.ranges() == [None, f"bytes={size - COMPARED_BYTES}-"]


def test_a_part_that_is_whole_already_is_confirmed_by_its_end(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    first = make_fetch(recorded.video, allowed=recorded.origin)
    first.run()
    second = make_fetch(recorded.video, allowed=recorded.origin)
    second.part.take_over(first.part.path, VIDEO_BYTES)

    assert is_right(second.run(), recorded)
    assert recorded.asked()[-1]["status"] == 206
    assert recorded.asked()[-1]["bytes_sent"] == COMPARED_BYTES


def test_a_part_that_is_longer_than_the_file_is_begun_again(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    fetch = make_fetch(recorded.video, allowed=recorded.origin)
    fetch.part.write(b"x" * (VIDEO_BYTES + 2 * COMPARED_BYTES))

    assert is_right(fetch.run(), recorded)
    assert [each["status"] for each in recorded.asked()] == [416, 200]


def test_a_part_of_another_version_is_begun_again(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    fetch = make_fetch(
        recorded.video, allowed=recorded.origin, total=VIDEO_BYTES, validator='"another"'
    )
    fetch.part.write(b"x" * CUT)

    assert is_right(fetch.run(), recorded)
    assert [each["status"] for each in recorded.asked()] == [200]


def test_progress_is_told_while_bytes_move(recorded: Recorded, make_fetch: MakeFetch) -> None:
    recorded.simulator.control.change_settings(media_bytes_per_second=6_000_000)
    speeds: list[int | None] = []

    def note(transfer: Transfer) -> None:
        speeds.append(transfer.bytes_per_second)

    fetch = make_fetch(
        recorded.video,
        allowed=recorded.origin,
        on_progress=note,
        slow_seconds=0.2,
        slowest_bytes_per_second=1,
    )
    fetch.run()

    assert fetch.sizes == sorted(fetch.sizes)
    assert 0 < fetch.sizes[len(fetch.sizes) // 2] < VIDEO_BYTES
    assert any(speed and 1_000_000 < speed < 30_000_000 for speed in speeds)


def test_a_transfer_says_that_it_lives_while_nothing_comes(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.add_fault(origin="media", delay_seconds=2)
    fetch = make_fetch(recorded.video, allowed=recorded.origin, slow_seconds=0.2)

    fetch.run()

    assert fetch.sizes.count(0) > 3


def test_whatever_progress_raises_ends_a_transfer_that_waits_for_bytes(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.change_settings(media_bytes_per_second=1000)

    def lose(_transfer: Transfer) -> None:
        raise LeaseLost("on purpose")

    fetch = make_fetch(recorded.video, allowed=recorded.origin, on_progress=lose, slow_seconds=0.2)

    with pytest.raises(LeaseLost, match="on purpose"):
        fetch.run()


def test_a_worker_that_stops_waits_for_no_byte(recorded: Recorded, make_fetch: MakeFetch) -> None:
    recorded.simulator.control.change_settings(media_bytes_per_second=1000)
    stopping: list[bool] = []
    fetch = make_fetch(
        recorded.video,
        allowed=recorded.origin,
        stopping=lambda: bool(stopping),
        on_progress=lambda _transfer: stopping.append(True),
        slow_seconds=0.2,
    )

    with pytest.raises(WorkerStopping):
        fetch.run()
    assert fetch.part.size < VIDEO_BYTES // 10


def test_a_transfer_that_takes_too_long_makes_room_for_others(
    recorded: Recorded, make_fetch: MakeFetch
) -> None:
    recorded.simulator.control.change_settings(media_bytes_per_second=200_000)
    fetch = make_fetch(
        recorded.video,
        allowed=recorded.origin,
        slow_seconds=0.2,
        slowest_bytes_per_second=1,
        longest_seconds=0.4,
    )

    with pytest.raises(TransferOverdue, match="later"):
        fetch.run()
    assert 0 < fetch.part.size < VIDEO_BYTES


def test_a_part_is_only_ever_written_by_its_own_attempt(tmp_path: Path) -> None:
    with Part(tmp_path / "1.part") as one, Part(tmp_path / "2.part") as other:
        one.write(b"one")
        other.write(b"other")

    assert (tmp_path / "1.part").read_bytes() == b"one"
