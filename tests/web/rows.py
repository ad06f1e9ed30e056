"""Rows as the program itself makes them: meetings on their way, complete, and in trouble."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from app.db.engine import Database
from app.db.files import add_file, replace_participants, replace_snippets
from app.db.inbox import Verdict, mark_events, new_events
from app.db.ingests import Lease, end_attempt, heartbeat, lease, new_ingest, open_ingests, reopen
from app.db.meetings import ensure_meeting, fix_folder, settle_completeness, tell
from app.db.standing import ingests_of
from app.models.outcomes import Absent, Done, Failed, Outcome
from app.models.tables import File, Ingest, Meeting
from app.models.words import CORE_RESOURCES, EventOutcome, Kind, Priority, Reason, Resource, State
from tests.db.rows import store_event

SHA256 = "0123456789abcdef" * 4

UNTOLD = [
    {"bytes_done": 5, "bytes_per_second": 7},
    {"bytes_done": 5, "bytes_total": 9},
    {"bytes_done": 5, "bytes_total": 9, "bytes_per_second": 0},
]
"""Progress of which nobody knows how long it will take: no length, no speed, standing still."""


class Rows:
    """Makes rows in one database, at one time."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now

    def meeting(self, meeting_id: str, *, start: datetime | None = None, **details: Any) -> Meeting:
        """A meeting that is known, with nothing asked for yet."""
        with self.database.transaction() as session:
            meeting = ensure_meeting(session, meeting_id, source="webhook", now=self.now)
            end = start + timedelta(minutes=30) if start else None
            tell(session, meeting, start_at=start, end_at=end, **details)
            return meeting

    def ingest(
        self,
        meeting: Meeting,
        resource: str,
        resource_id: str = "",
        outcome: Outcome | None = None,
        *,
        due_at: datetime | None = None,
    ) -> int:
        """One ingest; with an outcome it has had one attempt that ended so."""
        with self.database.transaction() as session:
            wanted = new_ingest(
                meeting,
                resource,
                resource_id,
                due_at=due_at or self.now,
                patience_until=self.now + timedelta(hours=48),
                now=self.now,
            )
            open_ingests(session, [wanted])
            assert meeting.id is not None
            ingest_id = ingests_of(session, meeting.id)[-1].id
            assert ingest_id is not None
            if outcome is not None:
                taken = lease(session, ingest_id, now=self.now, lease_seconds=30)
                assert taken is not None
                end_attempt(session, taken[0], outcome, now=self.now)
            return ingest_id

    def run(self, ingest_id: int, **progress: Any) -> Lease:
        """Let a worker take a due ingest, and get so far."""
        with self.database.transaction() as session:
            taken = lease(session, ingest_id, now=self.now, lease_seconds=30)
            assert taken is not None
            heartbeat(session, taken[0], now=self.now, **progress)
            return taken[0]

    def end(self, lease: Lease, outcome: Outcome) -> None:
        """Let the worker's attempt end so."""
        with self.database.transaction() as session:
            end_attempt(session, lease, outcome, now=self.now)

    def open_again(self, ingest_id: int) -> None:
        """Make an ended ingest due once more."""
        with self.database.transaction() as session:
            reopen(
                session,
                col(Ingest.id) == ingest_id,
                states=(State.DONE, State.ABSENT, State.FAILED),
                due_at=self.now,
                patience_until=self.now + timedelta(hours=48),
                priority=Priority.RETRY,
                now=self.now,
            )

    def file(
        self,
        meeting: Meeting,
        path: str,
        kind: Kind,
        size: int,
        resource: str,
        resource_id: str = "",
    ) -> None:
        """One stored file."""
        assert meeting.id is not None
        file = File(
            meeting_row_id=meeting.id,
            resource=resource,
            resource_id=resource_id,
            kind=kind,
            path=path,
            bytes=size,
            sha256=SHA256,
            stored_at=self.now,
        )
        with self.database.transaction() as session:
            fix_folder(session, meeting, f"example.com/{meeting.meeting_id}")
            add_file(session, file)

    def complete_meeting(self, meeting_id: str, *, start: datetime, **details: Any) -> Meeting:
        """A meeting of which everything is stored, but for transcripts, which Webex has none of."""
        meeting = self.meeting(meeting_id, start=start, **details)
        assert meeting.id is not None
        for resource in CORE_RESOURCES:
            none = resource is Resource.TRANSCRIPTS
            outcome = Absent(Reason.NOT_AVAILABLE) if none else Done()
            self.ingest(meeting, resource, outcome=outcome)
        self.ingest(meeting, Resource.RECORDINGS, "a1b2c3d4e5f6", Done())
        self.file(meeting, "meeting.json", Kind.MEETING, 2048, Resource.MEETINGS)
        path = "recordings/a1b2c3d4e5f6.mp4"
        self.file(meeting, path, Kind.VIDEO, 4_982_263, Resource.RECORDINGS)
        self.people(meeting, ["Ada Example", "Bo Example"])
        with self.database.transaction() as session:
            settle_completeness(session, meeting.id, now=self.now)
        return meeting

    def failed_meeting(self, meeting_id: str, error: str, **details: Any) -> Meeting:
        """A meeting with one recording that failed."""
        meeting = self.meeting(meeting_id, **details)
        self.ingest(meeting, Resource.RECORDINGS, "f00d", Failed("link_refused", error))
        return meeting

    def people(self, meeting: Meeting, names: Sequence[str]) -> None:
        """Participants, each of whom said one thing."""
        assert meeting.id is not None
        people = [
            {
                "participant_id": f"{meeting.meeting_id}-{number}",
                "display_name": name,
                "email": f"person{number}@example.com",
                "host": number == 0,
                "co_host": False,
                "joined_at": self.now - timedelta(minutes=30),
                "left_at": None,
            }
            for number, name in enumerate(names)
        ]
        said = [{"snippet_id": str(number), "text": "Hello."} for number, _ in enumerate(names)]
        with self.database.transaction() as session:
            replace_participants(session, meeting.id, people)
            replace_snippets(session, meeting.id, "t1", said)

    def event(
        self,
        data_id: str,
        outcome: str | None = None,
        *,
        deliveries: int = 1,
        error: str | None = None,
    ) -> None:
        """One event, delivered so often, and what became of it, and why."""
        for _ in range(deliveries):
            store_event(
                self.database,
                data_id.encode(),
                resource="recordings",
                event="created",
                data_id=data_id,
                body="{}",
                now=self.now,
            )
        if outcome:
            with self.database.transaction() as session:
                event = next(
                    each
                    for each in new_events(session, now=self.now, limit=100)
                    if each.data_id == data_id
                )
                why = None if error is None else ("fault", error)
                verdict = Verdict(event, EventOutcome(outcome), *(why or ()))
                mark_events(session, [verdict], now=self.now)
