"""``status``: how everything stands, or one meeting with everything in it."""

from collections.abc import Sequence

import click

from app.cli.completion import complete_meeting_ids
from app.cli.output import json_option, print_json, print_table, say
from app.config import load_settings
from app.db.engine import Database
from app.db.listing import meeting_ids_from
from app.db.schema import check_schema
from app.errors import NotFound
from app.ingestion.status import meeting_status, overview
from app.ingestion.wording import (
    account_sentence,
    damage_sentence,
    here_text,
    one_line,
    running_text,
    size_text,
    transfers_text,
)
from app.models.status import (
    FileStatus,
    IngestStatus,
    MeetingState,
    MeetingStatus,
    Overview,
    ParticipantStatus,
    PutAside,
)
from app.models.times import format_time, utc_now
from app.models.words import State
from app.opening import open_database

_MOST_SIMILAR = 3

_SAID = {
    MeetingState.COMPLETE: "complete",
    MeetingState.IN_PROGRESS: "in progress",
    MeetingState.LEFT_OUT: "left out by the policy",
}


@click.command()
@click.argument("meeting_id", required=False, shell_complete=complete_meeting_ids)
@json_option
def status(meeting_id: str | None, as_json: bool) -> None:
    """Show how everything stands, or one meeting.

    Of a meeting it shows every resource, file, reason and next look.

    Exits with 1 when something has failed, or a stored file is damaged.

    \b
    Example: webex-ingest status
    """
    settings = load_settings()
    database = open_database(settings)
    check_schema(database)
    now, lease_seconds = utc_now(), settings.lease_seconds
    if meeting_id is None:
        told = overview(database, now=now, lease_seconds=lease_seconds)
        print_json(told.model_dump(mode="json")) if as_json else _print_overview(told)
        raise SystemExit(1 if told.failures or told.damaged_files else 0)
    meeting = meeting_status(database, meeting_id, now=now, lease_seconds=lease_seconds)
    if meeting is None:
        raise NotFound(_unknown(database, meeting_id))
    print_json(meeting.model_dump(mode="json")) if as_json else _print_meeting(meeting)
    failed = any(ingest.state == State.FAILED for ingest in meeting.ingests)
    damaged = any(file.damage for file in meeting.files)
    raise SystemExit(1 if failed or damaged else 0)


def _unknown(database: Database, meeting_id: str) -> str:
    told = f"{meeting_id} is not known here; `webex-ingest ingest {meeting_id}` fetches it"
    with database.reading() as session:
        similar = meeting_ids_from(session, meeting_id, limit=_MOST_SIMILAR)
    return f"{told}. Did you mean {' or '.join(similar)}?" if similar else told


def _print_overview(told: Overview) -> None:
    meetings = told.meetings
    if not meetings.total:
        say("No meetings yet: they come with the first webhook, or by `webex-ingest ingest`.")
    say(
        f"Meetings  {meetings.total} known, {meetings.complete} complete, "
        f"{meetings.waiting} waiting, {meetings.failed} with failures"
    )
    say(f"Work      {_counted(told.ingests)}")
    if transfers := transfers_text(told.transfers):
        say(f"Transfers {transfers}")
    say(f"Events    {_counted(told.events)}")
    say(f"Archive   {told.files} files, {size_text(told.bytes)}")
    sweep = format_time(told.last_sweep_at) if told.last_sweep_at else "never"
    due = "nothing" if told.oldest_due_seconds is None else f"for {told.oldest_due_seconds:.0f} s"
    say(f"Due       {due}; last sweep {sweep}")
    for account in told.accounts:
        if sentence := account_sentence(account, utc_now()):
            say(f"ACCOUNT   {account.name or '(settings)'}: {sentence}")
    for failure in told.failures:
        name = f"{failure.resource} {failure.resource_id}".rstrip()
        said = f"{one_line(failure.error)} ({failure.error_code})"
        say(f"FAILED    {failure.meeting_id} {name}: {said}")
    if told.failures:
        say("          `webex-ingest retry --failed` tries them again")
    for each in told.damaged:
        what_to_do = damage_sentence(each.damage)
        say(f"DAMAGED   {each.meeting_id} {each.path}: {each.damage}; {what_to_do}")
    if told.damaged_files > len(told.damaged):
        say(f"          and {told.damaged_files - len(told.damaged)} more")
    if told.put_aside:
        _print_put_aside(told.put_aside)


def _print_put_aside(events: Sequence[PutAside]) -> None:
    say("\nEvents of which nothing came, the latest first:")
    print_table(
        ("EVENT", "ABOUT", "OUTCOME", "RECEIVED", "WHY"),
        [
            (
                f"{each.resource or '?'}.{each.event or '?'}",
                each.data_id or "?",
                each.outcome,
                format_time(each.last_received_at),
                each.error,
            )
            for each in events
        ],
    )
    say("`webex-ingest replay --quarantined` works through them again")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _print_meeting(meeting: MeetingStatus) -> None:
    say(one_line(meeting.title) or "(title not known yet)")
    say(f"  {meeting.meeting_id}  {_SAID.get(meeting.state, 'not complete')}")
    times = [format_time(time) if time else "?" for time in (meeting.start, meeting.end)]
    say(f"  {times[0]} to {times[1]}, host {one_line(meeting.host_email) or '?'}")
    say(f"  in {meeting.folder or '(no folder yet)'}\n")
    print_table(
        ("RESOURCE", "STATE", "WHY", "TRIES", "NEXT LOOK"),
        [
            (
                f"{each.resource} {each.resource_id}".rstrip(),
                each.state,
                _why(each),
                each.attempt,
                _next_look(each),
            )
            for each in meeting.ingests
        ],
    )
    if meeting.files:
        say()
        _print_files(meeting.files)
    if meeting.state is MeetingState.IN_PROGRESS and meeting.participants:
        say()
        print_table(
            ("SO FAR", "EMAIL", "JOINED", "LEFT"), [_there(p) for p in meeting.participants]
        )


def _print_files(files: Sequence[FileStatus]) -> None:
    # What is rarely there takes no room otherwise.
    damaged = any(each.damage for each in files)
    print_table(
        ("FILE", "SIZE", "SHA-256", *(["DAMAGE"] if damaged else [])),
        [
            (
                each.path,
                size_text(each.bytes),
                each.sha256[:16],
                *([(each.damage or "").upper()] if damaged else []),
            )
            for each in files
        ],
        whole=("SHA-256",),
    )


def _there(person: ParticipantStatus) -> tuple[str, ...]:
    joined = format_time(person.joined_at) if person.joined_at else ""
    left = format_time(person.left_at) if person.left_at else "still there"
    return (person.display_name or "(without a name)", person.email or "", joined, left)


def _why(ingest: IngestStatus) -> str:
    if ingest.state == State.RUNNING:
        return running_text(ingest)
    reasons = ", ".join(ingest.reasons)
    told = (reasons, ingest.error) if ingest.state == State.ABSENT else (ingest.error,)
    why = ": ".join(filter(None, told)) or reasons
    here = here_text(ingest) if ingest.state == State.WAITING else ""
    return "; ".join(filter(None, [why, here]))


def _next_look(ingest: IngestStatus) -> str:
    # A row at which somebody works keeps the time at which it was due.
    if ingest.state != State.WAITING or ingest.next_attempt_at is None:
        return ""
    return format_time(ingest.next_attempt_at)
