"""Following meetings to their end: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Sequence

import click

from app.ingestion.status import meeting_status
from app.ingestion.workbench import Workbench
from app.models.status import MeetingStatus
from app.models.words import State

_LOOK_SECONDS = 0.5
_ENDED = (State.DONE, State.ABSENT, State.FAILED)


def follow(bench: Workbench, meeting_ids: Sequence[str], *, quiet: bool = False) -> bool:
    """Look at meetings until nothing of them is waiting; true if all are complete.

    The workers do the work; this only watches, and may be stopped at any time.
    """
    seen: dict[str, str] = {}
    with click.progressbar(
        length=100, label="Ingesting", hidden=quiet or not sys.stdout.isatty()
    ) as bar:
        while True:
            meetings = [
                status
                for status in (meeting_status(bench.database, each) for each in meeting_ids)
                if status is not None
            ]
            if not quiet and not sys.stdout.isatty():
                _print_changes(meetings, seen)
            ended, everything = _counts(meetings)
            bar.update(ended * 100 // max(everything, 1) - bar.pos)
            if everything and ended == everything:
                break
            time.sleep(_LOOK_SECONDS)
    return all(meeting.complete for meeting in meetings)


def _counts(meetings: Sequence[MeetingStatus]) -> tuple[int, int]:
    states = [ingest.state for meeting in meetings for ingest in meeting.ingests]
    return sum(state in _ENDED for state in states), len(states)


def _print_changes(meetings: Sequence[MeetingStatus], seen: dict[str, str]) -> None:
    for meeting in meetings:
        for ingest in meeting.ingests:
            name = f"{meeting.meeting_id} {ingest.resource} {ingest.resource_id}".rstrip()
            told = ": ".join(filter(None, [ingest.state, ingest.reason or ingest.error]))
            if seen.get(name) != told:
                seen[name] = told
                click.echo(f"{name}: {told}")
