"""Paths are made of checked ids; free text is made harmless first."""

import unicodedata
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.archive.paths import (
    check_template,
    meeting_folder,
    recording_path,
    safe_id,
    safe_text,
    transcript_path,
    versioned,
)
from app.models.words import Kind

START = datetime(2021, 5, 14, 20, 25, 19, tzinfo=UTC)
MEETING_ID = "501e995485e2460bb129410116757b13_I_194316955237236650"
DEFAULT = "{site}/{start:%Y/%m/%d}/{meeting_id}"


def folder(template: str = DEFAULT, **given: str) -> str:
    fields = {"meeting_id": MEETING_ID, "site": "example.webex.com", "host": "host@example.com"}
    return meeting_folder(template, start=START, **({"title": "Weekly"} | fields | given))


@pytest.mark.parametrize(
    "text",
    [
        MEETING_ID,
        "724a81a697201039a976005056819cde",
        "a5038f0b-320a-456f-a51f-7541eeb0eae5_M_501e995485e2460bb129410116757b13",
        "a",
        "a..b",
        "x" * 200,
    ],
)
def test_an_id_of_webex_can_be_a_name(text: str) -> None:
    assert safe_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        ".hidden",
        "a/b",
        "../a",
        "a\\b",
        "a b",
        "a\nb",
        "a\n",
        "a\x00b",
        "a\x7f",
        "ä",
        "\uff0e\uff0e",
        "a:b",
        "a*",
        "%2e%2e",
        "x" * 201,
        "x" * 300,
    ],
)
def test_what_is_no_id_cannot_be_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="id"):
        safe_id(text)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Weekly sync", "Weekly sync"),
        ("Zoe\u0308 Mu\u0308ller", "Zoë Müller"),
        ("a/b\\c", "a_b_c"),
        ("..", "_"),
        ("../../etc", "_.._etc"),
        (" . . ", "_"),
        ("", "_"),
        ("a\x00b\nc\x7f", "a_b_c_"),
        ("right\u202eleft", "right_left"),
        ("half \ud83d", "half _"),
        ('q: "a"?*<b>|', "q_ _a____b__"),
        ("x" * 300, "x" * 80),
        ("é" * 50, "é" * 40),
        ("x" * 79 + "é", "x" * 79),
        ("x" * 79 + " y", "x" * 79),
    ],
)
def test_free_text_is_made_fit_for_a_path(text: str, safe: str) -> None:
    assert safe_text(text) == safe


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_free_text_is_always_one_harmless_name(text: str) -> None:
    safe = safe_text(text)

    assert 1 <= len(safe.encode()) <= 80
    assert PurePosixPath(safe).parts == (safe,)
    assert safe not in (".", "..")
    assert not any(unicodedata.category(char)[0] == "C" for char in safe)
    assert safe_text(safe) == safe


@pytest.mark.parametrize(
    "template",
    [
        DEFAULT,
        "{meeting_id}",
        "{host}/{title} {meeting_id}",
        "webex/{start:%Y-%m-%d %H%M} {title} ({meeting_id})",
    ],
)
def test_a_template_that_names_the_meeting_is_right(template: str) -> None:
    check_template(template)

    assert MEETING_ID in folder(template)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{site}",
        "{site}/{title}",
        "/{meeting_id}",
        "/var/{site}/{meeting_id}",
        "../{meeting_id}",
        "{site}/../{meeting_id}",
        "{site}//{meeting_id}",
        "{meeting_id}/",
        "{meeting_id}/{title}",
        "{site}\\{meeting_id}",
        "{meeting_id",
        "meeting_id}",
        "{}/{meeting_id}",
        "{0}/{meeting_id}",
        "{password}/{meeting_id}",
        "{meeting_id.__class__}",
        "{title[0]}/{meeting_id}",
        "{title:d}/{meeting_id}",
        "{start:{password}}/{meeting_id}",
        "{start:%Y/../..}/{meeting_id}",
        "{site!z}/{meeting_id}",
        "{start:/%Y}/{meeting_id}",
    ],
)
def test_a_template_that_could_mix_or_lose_meetings_is_wrong(template: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_template(template)


def test_the_default_folder_is_site_day_and_meeting() -> None:
    assert folder() == f"example.webex.com/2021/05/14/{MEETING_ID}"


def test_a_folder_never_leaves_the_archive() -> None:
    place = folder("{site}/{host}/{title} {meeting_id}", site="..", host="../..", title="/etc")

    assert place == f"_/_/_etc {MEETING_ID}"


def test_a_meeting_whose_id_is_no_id_has_no_folder() -> None:
    with pytest.raises(ValueError, match="id"):
        folder(meeting_id="../x")


@pytest.mark.parametrize(
    ("kind", "media_format", "path"),
    [
        (Kind.RECORDING, None, "recordings/r1.json"),
        (Kind.VIDEO, None, "recordings/r1.mp4"),
        (Kind.VIDEO, "MP4", "recordings/r1.mp4"),
        (Kind.VIDEO, "mp4", "recordings/r1.mp4"),
        (Kind.VIDEO, "ARF", "recordings/r1.arf"),
        (Kind.VIDEO, "UPLOADED", "recordings/r1.bin"),
        (Kind.VIDEO, "../x", "recordings/r1.bin"),
        (Kind.AUDIO, "ARF", "recordings/r1.mp3"),
    ],
)
def test_where_the_files_of_a_recording_are(
    kind: Kind, media_format: str | None, path: str
) -> None:
    assert recording_path("r1", kind, media_format) == path


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.VTT, "transcripts/t1.vtt"),
        (Kind.TXT, "transcripts/t1.txt"),
        (Kind.SNIPPETS, "transcripts/t1.snippets.json"),
    ],
)
def test_where_the_files_of_a_transcript_are(kind: Kind, path: str) -> None:
    assert transcript_path("t1", kind) == path


@pytest.mark.parametrize("wrong", ["..", "a/b", "", ".x"])
def test_a_file_whose_id_is_no_id_has_no_place(wrong: str) -> None:
    with pytest.raises(ValueError, match="id"):
        recording_path(wrong, Kind.VIDEO)
    with pytest.raises(ValueError, match="id"):
        transcript_path(wrong, Kind.VTT)


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("transcripts/t1.vtt", 1, "transcripts/t1.vtt"),
        ("transcripts/t1.vtt", 2, "transcripts/t1.v2.vtt"),
        ("transcripts/t1.snippets.json", 3, "transcripts/t1.v3.snippets.json"),
        ("recordings/a.b.mp4", 2, "recordings/a.b.v2.mp4"),
        ("participants.json", 10, "participants.v10.json"),
    ],
)
def test_a_later_version_stands_beside_the_first(path: str, version: int, expected: str) -> None:
    assert versioned(path, version) == expected
