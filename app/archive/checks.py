"""What a whole file of each kind looks like."""

from dataclasses import dataclass
from pathlib import Path

from app.archive.captions import check_vtt
from app.archive.mp3 import check_mp3
from app.archive.mp4 import check_mp4
from app.errors import MediaBroken
from app.models.words import Kind

_PAGES = (b"<!doctype", b"<html", b"<?xml")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that looks whole; how long it plays, and whether no cut could look like this."""

    duration_seconds: float | None = None
    proves_its_end: bool = False


def check_file(path: Path, kind: Kind, suffix: str) -> Checked:
    """Raise MediaBroken unless the file at ``path`` is whole and of its kind.

    ``suffix`` is that of the name which the file will have, such as ``.mp4``.
    ARF and uploaded recordings have no structure that is known here: only that they are
    neither empty nor a web page.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise MediaBroken("the file is empty")
    if kind in (Kind.VIDEO, Kind.AUDIO) and is_text(start):
        raise MediaBroken("a web page or an error message came instead of media")
    if kind is Kind.VIDEO and suffix == ".mp4":
        movie = check_mp4(path)
        return Checked(movie.duration_seconds, movie.proves_its_end)
    if kind is Kind.AUDIO:
        return Checked(check_mp3(path))
    if kind is Kind.VTT:
        check_vtt(path)
    if kind is Kind.TXT and is_page(start):
        raise MediaBroken("a web page came instead of a text")
    return Checked()


def is_text(start: bytes) -> bool:
    """Whether a file that should be media starts like HTML, XML or JSON."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"{")


def is_page(start: bytes) -> bool:
    """Whether a text is a web page, whatever it calls itself; people may well say "<" in one."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].lower().startswith(_PAGES)
