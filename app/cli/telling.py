"""The demo's sentences: log lines, requests and folders, told to people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.cli.output import say
from app.ingestion.wording import size_text

_REASONS = {
    "still_processing": "nothing there yet",
    "not_final": "Webex does not know yet when everybody left",
    "settling": "waiting whether there will be more",
    "items_pending": "waiting for its files",
    "meeting_unknown": "waiting for the meeting's details",
    "meeting_in_progress": "the meeting still goes on",
}
_LISTS = ("/v1/recordings", "/v1/meetingTranscripts", "/v1/meetingParticipants")


def tell(line: dict[str, Any]) -> str | None:
    """One log line as a sentence; None for what nobody wants to read here."""
    sentence = _sentence(line)
    if sentence is None:
        return None
    time = datetime.fromisoformat(line["timestamp"]) if "timestamp" in line else datetime.now(UTC)
    return f"{time:%H:%M:%S}  {sentence}"


def _sentence(line: dict[str, Any]) -> str | None:
    name = f"{line.get('resource')} {str(line.get('resource_id', ''))[:12]}".rstrip()
    match line.get("event"):
        case "event.processed" | "event.ignored" as event:
            done = "taken" if event == "event.processed" else "stored, not needed"
            return f"webhook   {line['resource']}.{line['event_name']} {done}"
        case "ingest.waiting":
            why = _REASONS.get(line["reason"], line["reason"])
            return f"look      {name}: {why}; again at {line['until'][11:19]}"
        case "file.stored":
            size = size_text(line["bytes"])
            return f"file      {line['path']}  {size}  sha256 {line['sha256'][:12]}…  verified"
        case "ingest.done" | "ingest.absent" as event:
            reason = f" ({line['reason']})" if line.get("reason") else ""
            return f"{event.removeprefix('ingest.'):10}{name}{reason}"
        case "meeting.complete":
            return "complete  the meeting is archived"
    return f"!         {line}" if line.get("level") in ("error", "critical") else None


def print_polls(requests: Sequence[dict[str, Any]]) -> None:
    """How often each list was asked for, and how many transfers there were."""
    counts = {path: sum(each["path"] == path for each in requests) for path in _LISTS}
    media = sum(each["origin"] == "media" for each in requests)
    say(
        f"\nWebex was asked {counts[_LISTS[0]]} times for recordings, {counts[_LISTS[1]]} times "
        f"for transcripts, {counts[_LISTS[2]]} times for participants; "
        f"the media host was asked {media} times."
    )


def print_tree(root: Path) -> None:
    """The archive as a tree."""
    say("\narchive/")
    _print_folder(root, "")


def _print_folder(folder: Path, indent: str) -> None:
    entries = sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name))
    for number, entry in enumerate(entries):
        last = number == len(entries) - 1
        size = f"  {size_text(entry.stat().st_size)}" if entry.is_file() else "/"
        say(f"{indent}{'└── ' if last else '├── '}{entry.name}{size}")
        if entry.is_dir():
            _print_folder(entry, indent + ("    " if last else "│   "))
