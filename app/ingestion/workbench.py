"""What every use case works with: the tools, handed in once, and one attempt at one ingest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from requests import Session

from app.archive.limits import Limits
from app.archive.places import Places
from app.archive.store import Archive
from app.db.engine import Database
from app.db.ingests import Lease, heartbeat
from app.db.intake import Intake
from app.errors import WebexUnavailable, WorkerStopping
from app.ingestion.accounts import Accounts
from app.models.policy import Policy
from app.models.tables import Ingest, Meeting
from app.models.times import Clock
from app.models.webex import Recording, Transcript
from app.models.words import Queue, Resource, Role

_LONGEST_QUESTION_SECONDS = 15

Item = Recording | Transcript


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the program is, in seconds, and what it looks for besides the core."""

    first_seconds: float
    max_seconds: float
    give_up_seconds: float
    settle_seconds: float
    lease_seconds: float
    sweep_seconds: float
    extra_resources: tuple[Resource, ...] = ()
    recheck_days: int = 0
    backfill_seconds: float = 3600
    backfill_days: int = 7
    scrub_days: int = 30
    scrub_bytes_per_second: int = 20 * 1024**2

    @property
    def extra_seconds(self) -> float:
        """How long after a meeting's end its other resources are first asked for.

        Webex says "within 15 minutes" of most of them, and nobody waits for one.
        """
        return 15 * self.first_seconds

    @property
    def live_seconds(self) -> float:
        """How long after somebody came to a meeting or left it that is looked at.

        A thousand people who come together are then looked at a few times only.
        """
        return self.first_seconds / 6

    @property
    def live_look_seconds(self) -> float:
        """How often a meeting in progress is looked at without any news of it."""
        return 5 * self.first_seconds

    @property
    def give_up(self) -> timedelta:
        """How long after a meeting's end a resource may still appear."""
        return timedelta(seconds=self.give_up_seconds)


class Sender(Protocol):
    """Takes nudges to the workers; whether one arrives is never relied upon."""

    def nudge(self, ingest_id: int, queue: Queue, *, expires_seconds: float) -> bool:
        """Ask a worker to look at one ingest."""

    def depth(self, queue: Queue) -> int | None:
        """How many messages wait in a queue; None if the broker does not answer."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """The tools of the use cases, made once per process."""

    database: Database
    intake: Intake
    accounts: Accounts
    archive: Archive
    sender: Sender
    clock: Clock
    pace: Pace
    policy: Policy
    limits: Limits
    places: Places
    path_template: str
    media: Callable[[], Session]
    in_flight: dict[Queue, int]
    stopping: Callable[[], bool] = field(default=lambda: False)

    def patience(self) -> Callable[[], None]:
        """What ends a question that is nobody's lease: after fifteen seconds, or at a stop.

        It is to be called while the answer is waited for; raises WebexUnavailable, WorkerStopping.
        """
        until = time.monotonic() + _LONGEST_QUESTION_SECONDS

        def look() -> None:
            if self.stopping():
                raise WorkerStopping("the worker stops; Webex is asked later")
            if time.monotonic() > until:
                raise WebexUnavailable(
                    f"Webex's answer took more than {_LONGEST_QUESTION_SECONDS} seconds"
                )

        return look


class Look(Protocol):
    """A look at a list of many meetings."""

    def listed(self, work: "Work") -> Sequence[Item] | None:
        """What Webex lists of a meeting; None where only a look at it alone can tell."""


class Work:
    """One attempt at one ingest, under its lease; others may share its ``look``."""

    def __init__(
        self,
        bench: Workbench,
        lease: Lease,
        ingest: Ingest,
        meeting: Meeting,
        look: Look | None = None,
    ) -> None:
        self.bench = bench
        self.look = look
        self.lease = lease
        self.ingest = ingest
        self.meeting = meeting
        self.webex = bench.accounts.client(ingest.account).accompanied_by(self.beat)
        self._beaten_at = time.monotonic()

    @property
    def host_email(self) -> str | None:
        """The host that Webex wants to be told; None where the account asks about its own."""
        return self.bench.accounts.host_to_name(self.ingest.account, self.meeting.host_email)

    @property
    def role(self) -> Role:
        """As what the account asks."""
        return self.bench.accounts.view(self.ingest.account).role

    @property
    def meeting_row_id(self) -> int:
        """The key of the meeting's row."""
        return self.ingest.meeting_row_id

    def beat(self) -> None:
        """Say that the work goes on, at most once a second; stops it where it may not go on.

        Raises LeaseLost when another worker has taken over, WorkerStopping at shutdown.
        """
        if self.bench.stopping():
            raise WorkerStopping("the worker stops; the work goes on elsewhere")
        if time.monotonic() - self._beaten_at >= 1:
            self.tell()

    def tell(self, **progress: Any) -> None:
        """Write progress into the row now; raises LeaseLost."""
        self._beaten_at = time.monotonic()
        with self.bench.database.transaction() as session:
            heartbeat(session, self.lease, now=self.bench.clock(), **progress)
