"""A check of WebVTT files: parsed by webvtt-py, then looked at for what it lets pass."""

from itertools import pairwise
from pathlib import Path

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from app.errors import MediaBroken


def check_vtt(path: Path) -> None:
    """Raise MediaBroken unless there is at least one cue and no cue starts before the last one.

    webvtt-py refuses HTML, JSON and empty text, but accepts a file without cues. Webex sends
    bytes that are not UTF-8 now and then; the bytes are kept, the check reads past them.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    try:
        captions = webvtt.from_string(text).captions
    except (MalformedCaptionError, MalformedFileError) as error:
        raise MediaBroken(f"the VTT file cannot be read: {error}") from None
    if not captions:
        raise MediaBroken("the VTT file has no cue")
    starts = [caption.start_in_seconds for caption in captions]
    if any(later < earlier for earlier, later in pairwise(starts)):
        raise MediaBroken("the VTT file's cues go back in time")
