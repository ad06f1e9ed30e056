"""A full disk stops what does not fit, nothing else, and nothing for good."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.models.words import Reason, State
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.stage import Stage

MIB = 1024**2
DISK_BYTES = 32 * MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system of its own takes root and a kernel that lets it mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def hold(stage: Stage, size: int) -> tuple[str, str]:
    """Hold a meeting with one recording of a size; the ids of both."""
    told = stage.hold_meeting(
        recordings=[{"bytes": size, "audio": False}], transcripts=0, timeline="instant"
    )
    stage.advance(1)
    return told["meeting_id"], told["recording_ids"][0]


@pytest.mark.parametrize("has_length", [True, False])
def test_what_does_not_fit_waits_and_goes_on_by_itself(
    make_stage: MakeStage, small_disk: Path, has_length: bool
) -> None:
    stage = make_stage(archive_dir=small_disk / "archive")
    # Without a length nothing can be foreseen, and the disk itself says no.
    stage.control.change_settings(media_content_length=has_length)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(20 * MIB))
    large, recording_id = hold(stage, 24 * MIB)
    stage.live(minutes=10)
    waiting = stage.ingest(large, "recordings", recording_id)
    assert (waiting.state, waiting.reason) == (State.WAITING, Reason.DISK_FULL)
    assert waiting.tries == 0
    assert "full" in str(waiting.error) or "must stay free" in str(waiting.error)
    assert (waiting.bytes_done > 0) is not has_length

    filler.unlink()
    stage.live_until_complete(large)

    assert differences(stage, large) == []
    assert not list(small_disk.rglob("*.part"))


def test_others_go_on_while_one_waits_for_space(make_stage: MakeStage, small_disk: Path) -> None:
    stage = make_stage(archive_dir=small_disk / "archive")
    large, recording_id = hold(stage, 40 * MIB)
    small, _ = hold(stage, 1 * MIB)

    stage.live_until_complete(small)

    assert differences(stage, small) == []
    stage.live(minutes=4)
    assert stage.ingest(large, "recordings", recording_id).reason == Reason.DISK_FULL


def test_the_reserve_is_kept_free(make_stage: MakeStage, small_disk: Path) -> None:
    stage = make_stage(archive_dir=small_disk / "archive", disk_reserve_bytes=20 * MIB)
    fits, _ = hold(stage, 8 * MIB)
    stage.live_until_complete(fits)
    beyond, recording_id = hold(stage, 8 * MIB)

    stage.live(minutes=5)

    waiting = stage.ingest(beyond, "recordings", recording_id)
    assert waiting.reason == Reason.DISK_FULL
    assert "DISK_RESERVE_BYTES" in str(waiting.error)
    free = os.statvfs(small_disk)
    assert free.f_bavail * free.f_frsize >= 20 * MIB
