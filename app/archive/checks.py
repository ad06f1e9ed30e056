"""What a whole file of each kind looks like."""

from pathlib import Path

from app.archive.captions import check_vtt
from app.archive.mp3 import check_mp3
from app.archive.mp4 import check_mp4
from app.errors import MediaBroken
from app.models.words import Kind


def check_file(path: Path, kind: Kind, suffix: str) -> float | None:
    """Raise MediaBroken unless the file at ``path`` is whole and of its kind.

    Returns how many seconds it plays, where the file says so. ``suffix`` is that of the name
    which the file will have, such as ``.mp4``.
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
        return check_mp4(path)
    if kind is Kind.AUDIO:
        check_mp3(path)
    elif kind is Kind.VTT:
        check_vtt(path)
    return None


def is_text(start: bytes) -> bool:
    """Whether a file that should be media starts like HTML, XML or JSON."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"{")
