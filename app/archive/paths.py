"""Where things are in the archive; names are made of checked ids, never of Webex's free text."""

import re
import string
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from app.models.words import Kind

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_VERSION = re.compile(r"\.v(\d{1,9})(?=(?:\.snippets)?\.[^./]+$)")
_FIELDS = {"site", "host", "start", "title", "meeting_id"}
_LONGEST_TITLE_BYTES = 80

_FORMATS = {"MP4": "mp4", "ARF": "arf"}


def safe_id(text: str) -> str:
    """Return an id that can be a file's name; ValueError if it cannot."""
    if not _ID.fullmatch(text) or text.strip(".") == "" or text.startswith("."):
        raise ValueError("an id that is not made of letters, digits, '_', '.' and '-'")
    return text


def safe_text(text: str) -> str:
    """Make free text fit for a path: no control characters, no slashes, no dots at its ends."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        "_" if unicodedata.category(char)[0] == "C" or char in '/\\:*?"<>|' else char
        for char in text
    )
    cut = text.encode()[:_LONGEST_TITLE_BYTES].decode(errors="ignore")
    return cut.strip(" .") or "_"


def check_template(template: str) -> None:
    """Raise ValueError unless the template makes one folder a meeting, below the archive."""
    fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    if unknown := fields - _FIELDS:
        allowed = ", ".join(sorted(_FIELDS))
        raise ValueError(f"has an unknown field {sorted(unknown)[0]!r}; allowed are {allowed}")
    if "meeting_id" not in fields:
        raise ValueError("must contain {meeting_id}, or two meetings would share a folder")
    parts = _tried(template).split("/")
    if ".." in parts or "" in parts or "\\" in template:
        raise ValueError("must be a relative path without empty parts and without '..'")
    if "{meeting_id}" not in template.split("/")[-1]:
        raise ValueError(
            "must have {meeting_id} in its last part, or folders would stand in folders"
        )


def meeting_folder(
    template: str, *, meeting_id: str, start: datetime, site: str, host: str, title: str
) -> str:
    """The folder of a meeting, relative to the archive; ``start`` is in UTC."""
    return template.format(
        meeting_id=safe_id(meeting_id),
        start=start,
        site=safe_text(site),
        host=safe_text(host),
        title=safe_text(title),
    )


def _tried(template: str) -> str:
    try:
        return meeting_folder(
            template,
            meeting_id="meeting",
            start=datetime(2021, 5, 14, 20, 25, 19, tzinfo=UTC),
            site="site",
            host="host",
            title="title",
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"cannot be filled in: {error}") from None


def recording_path(recording_id: str, kind: Kind, media_format: str | None = None) -> str:
    """The path of one file of a recording in its meeting's folder.

    Webex's formats are MP4, ARF (its old player's own) and UPLOADED (whatever somebody put there).
    """
    suffix = {Kind.RECORDING: "json", Kind.AUDIO: "mp3"}.get(kind)
    if suffix is None:
        suffix = _FORMATS.get((media_format or "MP4").upper(), "bin")
    return f"recordings/{safe_id(recording_id)}.{suffix}"


def transcript_path(transcript_id: str, kind: Kind) -> str:
    """The path of one file of a transcript in its meeting's folder."""
    suffix = {Kind.VTT: "vtt", Kind.TXT: "txt", Kind.SNIPPETS: "snippets.json"}[kind]
    return f"transcripts/{safe_id(transcript_id)}.{suffix}"


def version_of(path: str) -> tuple[str, int]:
    """The path of the first version, and which one this is: of ``a/b.v2.vtt`` ``a/b.vtt`` and 2."""
    found = _VERSION.search(path)
    return (_VERSION.sub("", path), int(found[1])) if found else (path, 1)


def versioned(path: str, version: int) -> str:
    """The path of a later version: ``a/b.vtt`` becomes ``a/b.v2.vtt``."""
    if version == 1:
        return path
    folder, _, name = path.rpartition("/")
    for suffix in (".snippets.json", Path(name).suffix):
        if name.endswith(suffix):
            name = f"{name.removesuffix(suffix)}.v{version}{suffix}"
            break
    return f"{folder}/{name}" if folder else name
