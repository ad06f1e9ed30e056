"""WebVTT files: parsed by webvtt-py, checked for what it lets pass, and written for a player."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from app.errors import MediaBroken

# `12 "Ada Example" (3579)`: how Webex names a cue; the description's sample has bare numbers.
_NAMED = re.compile(r'\s*\d+\s+"(.+)"(?:\s+\(\d+\))?\s*')


@dataclass(frozen=True, slots=True)
class Cue:
    """What was said from one moment to another, in seconds, and who said it, if that is told."""

    start_seconds: float
    end_seconds: float
    speaker: str | None
    text: str


def check_vtt(path: Path) -> None:
    """Raise MediaBroken unless there is at least one cue and no cue starts before the last one.

    webvtt-py refuses HTML, JSON and empty text, but accepts a file without cues. Webex sends
    bytes that are not UTF-8 now and then; the bytes are kept, the check reads past them.
    """
    cues = read_cues(path)
    if not cues:
        raise MediaBroken("the VTT file has no cue")
    # In whole seconds: two people who speak at once are told in any order.
    starts = [int(cue.start_seconds) for cue in cues]
    if any(later < earlier for earlier, later in pairwise(starts)):
        raise MediaBroken("the VTT file's cues go back in time")


def read_cues(path: Path) -> list[Cue]:
    """The cues of a file, in their order; raises MediaBroken where it is no VTT, and OSError."""
    return cues_of(path.read_bytes())


def cues_of(content: bytes) -> list[Cue]:
    """The cues of what a file holds, in their order; raises MediaBroken where that is no VTT."""
    text = content.decode("utf-8-sig", errors="replace")
    try:
        return [_cue(caption) for caption in webvtt.from_string(text).captions]
    except (MalformedCaptionError, MalformedFileError) as error:
        raise MediaBroken(f"the VTT file cannot be read: {error}") from None


def captions_text(cues: Iterable[Cue], *, later_seconds: float) -> str:
    """A VTT file for a player that is to show cues so much later, or sooner where it is negative.

    What would be over before the beginning is left out. Nothing in a text is taken for a tag.
    """
    lines = ["WEBVTT"]
    for cue in cues:
        start, end = cue.start_seconds + later_seconds, cue.end_seconds + later_seconds
        if end <= 0:
            continue
        said = html.escape(" ".join(cue.text.split()), quote=False)
        speaker = html.escape(" ".join((cue.speaker or "").split()), quote=False)
        voice = f"<v {speaker}>" if speaker else ""
        lines += ["", f"{_moment(max(0, start))} --> {_moment(end)}", f"{voice}{said}"]
    return "\n".join([*lines, ""])


def _cue(caption: webvtt.Caption) -> Cue:
    named = _NAMED.fullmatch(caption.identifier or "")
    speaker = named[1] if named else caption.voice
    begin, end = caption.start_time, caption.end_time
    return Cue(_seconds(begin), _seconds(end), speaker or None, caption.text)


def _seconds(moment: webvtt.models.Timestamp) -> float:
    whole = moment.hours * 3600 + moment.minutes * 60 + moment.seconds
    return float(whole + moment.milliseconds / 1000)


def _moment(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
