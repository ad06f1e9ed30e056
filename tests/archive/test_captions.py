"""Captions are read as Webex writes them, and written so that a player shows them in time."""

from pathlib import Path

import pytest
import webvtt

from app.archive.captions import Cue, captions_text, read_cues
from app.errors import MediaBroken

WEBEX = """WEBVTT

1 "Ada Example" (3579)
00:00:01.250 --> 00:00:02.500
Good morning,
everybody.

2
01:00:03.000 --> 01:00:04.000
<v Bo>Hello.
"""


def cues_of(folder: Path, text: str) -> list[Cue]:
    path = folder / "a.vtt"
    path.write_text(text)
    return read_cues(path)


def test_speakers_and_times_are_read(tmp_path: Path) -> None:
    assert cues_of(tmp_path, WEBEX) == [
        Cue(1.25, 2.5, "Ada Example", "Good morning,\neverybody."),
        Cue(3603.0, 3604.0, "Bo", "Hello."),
    ]


def test_what_is_no_vtt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaBroken, match="cannot be read"):
        cues_of(tmp_path, "<html>Sign in</html>")


def test_captions_are_put_off_and_what_would_be_over_is_left_out(tmp_path: Path) -> None:
    cues = [Cue(0, 2, None, "gone"), Cue(4, 7, "Ada", "cut"), Cue(3600, 3601.5, None, "late")]

    text = captions_text(cues, later_seconds=-5)

    assert [(cue.start_seconds, cue.end_seconds) for cue in cues_of(tmp_path, text)] == [
        (0.0, 2.0),
        (3595.0, 3596.5),
    ]
    assert "00:59:55.000 --> 00:59:56.500" in text


def test_nothing_that_was_said_is_a_tag_or_another_cue() -> None:
    said = "<b>1 --> 2\n\n99:00.000 --> 99:01.000\n\nNOTE & so on</b>"

    text = captions_text([Cue(1, 2, "Eve <script>", said)], later_seconds=0)

    [caption] = webvtt.from_string(text).captions
    assert "<v Eve &lt;script&gt;>&lt;b&gt;1 --&gt; 2 99:00.000 --&gt; 99:01.000 NOTE &amp;" in text
    assert caption.start_in_seconds == 1
