"""Only the file itself is opened, and nothing that leads anywhere else."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.archive.inside import open_inside, read_inside
from app.archive.inspection import Damage
from app.errors import ArchiveUnavailable

FOLDER = "example.com/m_I_1"
PATH = "recordings/r1.mp4"
SECRET = b"what is none of the archive's"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is to be; beside the archive is a secret that is as large."""
    place = tmp_path / "archive" / FOLDER / PATH
    place.parent.mkdir(parents=True)
    (tmp_path / "secret").write_bytes(SECRET)
    return place


def opened(tmp_path: Path, folder: str = FOLDER, path: str = PATH) -> bytes | Damage:
    """What is read of it."""
    descriptor = open_inside(tmp_path / "archive", folder, path, size=len(SECRET))
    if isinstance(descriptor, Damage):
        return descriptor
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


@contextmanager
def as_anybody() -> Iterator[None]:
    """Without the right of root to read everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_whole_file_is_opened(tmp_path: Path, place: Path) -> None:
    place.write_bytes(SECRET[::-1])

    assert opened(tmp_path) == SECRET[::-1]


def test_the_root_may_be_a_link(tmp_path: Path, place: Path) -> None:
    place.write_bytes(SECRET[::-1])
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    (tmp_path / "archive").symlink_to("elsewhere")

    assert opened(tmp_path) == SECRET[::-1]


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        (FOLDER, "../../../secret"),
        (FOLDER, "recordings/../../../../secret"),
        ("..", "secret"),
        ("", "../secret"),
        (FOLDER, "{root}/secret"),
        (FOLDER, "/{root}/secret"),
        ("{root}", "secret"),
        ("/{root}", "secret"),
        (FOLDER, "secret\0"),
        ("", "secret"),
        (FOLDER, ""),
        (FOLDER, "."),
    ],
)
@pytest.mark.usefixtures("place")
def test_no_name_leads_out(tmp_path: Path, folder: str, path: str) -> None:
    folder, path = (each.replace("{root}", str(tmp_path)) for each in (folder, path))

    assert opened(tmp_path, folder, path) is Damage.CHANGED


def test_no_link_is_followed_wherever_it_stands(tmp_path: Path, place: Path) -> None:
    place.symlink_to(tmp_path / "secret")
    assert opened(tmp_path) is Damage.CHANGED

    (tmp_path / "r1.mp4").write_bytes(SECRET)
    for folder in (place.parent, place.parent.parent, place.parent.parent.parent):
        aside = folder.with_name("aside")
        folder.rename(aside)
        folder.symlink_to(tmp_path)
        assert opened(tmp_path) is Damage.CHANGED
        folder.unlink()
        aside.rename(folder)


def test_what_is_no_file_is_not_waited_for(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.mkdir()
    assert opened(tmp_path) is Damage.CHANGED
    place.rmdir()

    os.mkfifo(place)
    assert opened(tmp_path) is Damage.CHANGED
    place.unlink()

    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(place.parent)  # a socket's name may not be long
        listener.bind(place.name)
        assert opened(tmp_path) is Damage.CHANGED


def test_a_file_of_another_size_is_not_opened(tmp_path: Path, place: Path) -> None:
    for content in (b"", SECRET[1:], SECRET + b"x"):
        place.write_bytes(content)
        assert opened(tmp_path) is Damage.CHANGED


def test_a_file_that_is_gone_is_missing(tmp_path: Path, place: Path) -> None:
    assert opened(tmp_path) is Damage.MISSING
    place.parent.rmdir()
    assert opened(tmp_path) is Damage.MISSING


def test_an_archive_that_is_not_there_is_no_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnavailable, match="is its disk there"):
        opened(tmp_path)
    (tmp_path / "archive").mkdir()
    with pytest.raises(ArchiveUnavailable, match="is its disk there"):
        opened(tmp_path)


def test_a_file_that_may_not_be_read_is_no_missing_file(tmp_path: Path, place: Path) -> None:
    place.write_bytes(SECRET)
    place.chmod(0)

    with as_anybody(), pytest.raises(ArchiveUnavailable, match="Permission denied"):
        opened(tmp_path)


def test_nothing_stays_open(tmp_path: Path, place: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])

    for content in (b"", SECRET):
        place.write_bytes(content)
        opened(tmp_path)
    place.unlink()
    opened(tmp_path)

    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_what_the_disk_does_not_give_is_told_as_that() -> None:
    # A regular file whose first byte nobody can read.
    with pytest.raises(ArchiveUnavailable, match="Input/output error"):
        read_inside(Path("/proc"), str(os.getpid()), "mem")
