"""Following meetings to their end: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from app.cli.output import say
from app.cli.progress import progress, shows_lines
from app.ingestion.status import meeting_status
from app.ingestion.wording import one_line, running_text
from app.ingestion.workbench import Workbench
from app.models.status import IngestStatus, MeetingStatus
from app.models.times import format_time
from app.models.words import EXTRA_RESOURCES, State

_LOOK_SECONDS = 0.5
_LINE_SECONDS = 5
_ENDED = (State.DONE, State.ABSENT, State.FAILED)


def follow(bench: Workbench, meeting_ids: Sequence[str], *, quiet: bool = False) -> bool:
    """Look at meetings until nothing of them is waited for; true if all are complete.

    The workers do the work; this only watches, and may be stopped at any time. Other resources
    hold no meeting back: those that Webex is asked for later only are named at the end.
    """
    try:
        meetings = _watch(bench, meeting_ids, quiet=quiet)
    except KeyboardInterrupt:
        raise click.Abort("The work goes on; `webex-ingest status` says how far it is.") from None
    for line in _later_lines(meetings, bench.clock()) if not quiet else ():
        say(line)
    return all(meeting.complete for meeting in meetings)


def _watch(bench: Workbench, meeting_ids: Sequence[str], *, quiet: bool) -> list[MeetingStatus]:
    tells = shows_lines(quiet=quiet)
    lines = PlainLines()
    with progress("", 100, quiet=quiet, lines=False) as show:
        while True:
            meetings = _look(bench, meeting_ids)
            for line in lines.of(meetings, time.monotonic()) if tells else ():
                say(line)
            now = bench.clock()
            ingests = [
                each for meeting in meetings for each in meeting.ingests if not _is_later(each, now)
            ]
            show(percent_done(ingests), _words_beside_bar(ingests))
            if ingests and all(each.state in _ENDED for each in ingests):
                return meetings
            time.sleep(_LOOK_SECONDS)


class PlainLines:
    """Tells what is new, and of each download how far it is, once in a few seconds."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._told_at: dict[str, float] = {}

    def of(self, meetings: Sequence[MeetingStatus], now_seconds: float) -> Iterator[str]:
        """The lines that are worth printing now."""
        for meeting in meetings:
            for ingest in meeting.ingests:
                name = f"{meeting.meeting_id} {ingest.resource} {ingest.resource_id}".rstrip()
                if self._is_news(name, ingest, now_seconds):
                    yield f"{name}: {_line_of(ingest)}"

    def _is_news(self, name: str, ingest: IngestStatus, now_seconds: float) -> bool:
        told = _line_of(ingest) if not ingest.is_transferring else f"downloading {ingest.stage}"
        is_due = (
            ingest.is_transferring and now_seconds >= self._told_at.get(name, 0) + _LINE_SECONDS
        )
        if self._told.get(name) == told and not is_due:
            return False
        self._told[name], self._told_at[name] = told, now_seconds
        return True


def percent_done(ingests: Sequence[IngestStatus]) -> int:
    """How much of the work has ended; a download counts by its bytes. 100 only at the end."""
    if not ingests:
        return 0
    if all(each.state in _ENDED for each in ingests):
        return 100
    return min(99, int(100 * sum(map(_share_done, ingests)) / len(ingests)))


def downloads_text(ingests: Sequence[IngestStatus]) -> str:
    """What is being downloaded now, the one that takes longest in full; empty if nothing is."""
    running = [each for each in ingests if each.is_transferring]
    if not running:
        return ""
    longest = max(running, key=lambda each: each.remaining_seconds or 0)
    more = f" (and {len(running) - 1} more)" if len(running) > 1 else ""
    return f"{running_text(longest).removeprefix('downloading ')}{more}"


def _is_later(ingest: IngestStatus, now: datetime) -> bool:
    """Whether it is another resource of which Webex is asked at a later time."""
    next_at = ingest.next_attempt_at if ingest.state == State.WAITING else None
    return ingest.resource in EXTRA_RESOURCES and next_at is not None and next_at > now


def _later_lines(meetings: Sequence[MeetingStatus], now: datetime) -> Iterator[str]:
    for meeting in meetings:
        later = [each for each in meeting.ingests if _is_later(each, now)]
        names = ", ".join(
            f"{each.resource} ({format_time(each.next_attempt_at)})"
            for each in later
            if each.next_attempt_at is not None
        )
        if names:
            yield f"{meeting.meeting_id}: asked for again without being waited for: {names}"


def _look(bench: Workbench, meeting_ids: Sequence[str]) -> list[MeetingStatus]:
    now, lease_seconds = bench.clock(), bench.pace.lease_seconds
    found = (
        meeting_status(bench.database, each, now=now, lease_seconds=lease_seconds)
        for each in meeting_ids
    )
    return [status for status in found if status is not None]


def _words_beside_bar(ingests: Sequence[IngestStatus]) -> str:
    ended = sum(each.state in _ENDED for each in ingests)
    return downloads_text(ingests) or f"{ended} of {len(ingests)} done"


def _share_done(ingest: IngestStatus) -> float:
    if ingest.state in _ENDED:
        return 1
    if not ingest.stage or not ingest.bytes_total:
        return 0
    return min(1, ingest.bytes_done / ingest.bytes_total)


def _line_of(ingest: IngestStatus) -> str:
    why = running_text(ingest) if ingest.is_transferring else ingest.reason or ingest.error
    return ": ".join(filter(None, [ingest.state, one_line(why)]))
