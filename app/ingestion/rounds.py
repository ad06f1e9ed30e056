"""Rounds: one question about a list of an account serves all meetings that wait for it.

A look at each meeting alone costs a request a meeting; a round costs one for each hundred items.
"""

import math
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from app.db.rounds import DueList, count_since, due_list, due_with, end_turn, take_turn
from app.errors import PartialList, WebexError
from app.ingestion.retry import grown_seconds
from app.ingestion.workbench import Item, Pace, Work, Workbench
from app.models.outcomes import Outcome, Wait
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails, is_instance
from app.models.words import Resource, Role
from app.webex.history import Listed, past_recordings, past_transcripts
from app.webex.paging import PAGE_SIZE
from app.webex.resources import windows

_EARLIER = timedelta(hours=6)
"""How much earlier than the first one the meetings of a round may have begun."""
_BEFORE = timedelta(minutes=10)
"""Nothing of a meeting was generated earlier than this before its start (createTime, API)."""
_STRAY = timedelta(hours=1)
_AHEAD = timedelta(days=1)
"""A clock that is behind must not hide what took place by Webex's."""
_MOST = 500
_TURN_SECONDS = 60
_FRESH_SECONDS = 20
_PHASES = 1024
_GONE = "deleted"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Whose:
    """Which list of an account has the items of a meeting."""

    account: str
    resource: str
    site_url: str
    of_everybody: bool


def whose(
    bench: Workbench, account: str, resource: str, site_url: str | None, host_email: str | None
) -> Whose | None:
    """The list that a meeting's items stand in; None where Webex has none that we may read."""
    if resource not in (Resource.RECORDINGS, Resource.TRANSCRIPTS):
        return None
    is_own = bench.accounts.host_to_name(account, host_email) is None
    if resource == Resource.RECORDINGS and is_own:
        # For a user Webex lists recordings of all sites together.
        return Whose(account, resource, "", of_everybody=False)
    is_officer = bench.accounts.view(account).role == Role.COMPLIANCE
    may_read = is_own or is_officer or resource == Resource.RECORDINGS
    if site_url is None or not may_read:
        return None
    return Whose(account, resource, site_url, of_everybody=not is_own)


@dataclass(slots=True)
class Round:
    """A look at one list for several meetings, in the turn of one worker at a time."""

    bench: Workbench
    of: Whose
    since: datetime
    others: Sequence[int]
    _by_meeting: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    _strays: list[Item] = field(default_factory=list)
    _is_whole: bool = True
    _asked_at: float | None = None
    _until: datetime | None = None

    def begin(self) -> bool:
        """Take the turn; false while another worker has it, who serves this meeting as well."""
        with self.bench.database.transaction() as session:
            now = self.bench.clock()
            self._until = take_turn(session, self._name, now=now, seconds=_TURN_SECONDS)
        return self._until is not None

    def end(self) -> None:
        """Let others have the turn."""
        if self._until is None:
            return
        with self.bench.database.transaction() as session:
            end_turn(session, self._name, until=self._until, now=self.bench.clock())

    def rest(self) -> Iterator[int]:
        """The other meetings' rows, as long as the answer is there and is not old."""
        for ingest_id in self.others:
            if self._asked_at is None or self.bench.stopping():
                return
            if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                return
            yield ingest_id

    def listed(self, work: Work) -> Sequence[Item] | None:
        """What Webex lists of a meeting; None where only a look at it alone can tell.

        Raises what Webex's refusal means for the attempt, if it may pass.
        """
        if self._asked_at is None:
            self._ask(work)
        # Some of a meeting may be read and the rest not: what was found alone proves nothing.
        may_be_more = any(_may_be_of(work.meeting, each) for each in self._strays)
        if may_be_more or not self._is_whole:
            return None
        return self._by_meeting.get(work.meeting.meeting_id, [])

    @property
    def _name(self) -> str:
        told = self.of
        scope = "everybody" if told.of_everybody else "own"
        return f"round {told.account} {told.resource} {told.site_url} {scope}"

    def _ask(self, work: Work) -> None:
        past = past_recordings if self.of.resource == Resource.RECORDINGS else past_transcripts
        everybody = self.of.of_everybody
        find = past(work.webex, self.of.site_url, of_everybody=everybody)
        try:
            for span in windows(self.since, self.bench.clock() + _AHEAD):
                try:
                    self._note(find(span))
                except PartialList as error:
                    self._is_whole = False
                    self._note(error.items)
        except WebexError as error:
            if error.retryable:
                raise
            log.warning("round.refused", asked=self._name, error=str(error))
            self._is_whole = False
        self._asked_at = time.monotonic()

    def _note(self, items: Sequence[Listed]) -> None:
        for item in items:
            if isinstance(item, MeetingDetails) or item.status == _GONE:
                continue
            if is_instance(item.meeting_id or ""):
                self._by_meeting[item.meeting_id or ""].append(item)
            else:
                self._strays.append(item)


def round_of(bench: Workbench, ingest_id: int) -> Round | None:
    """The round in which a row is looked at; None where a look at it alone costs no more."""
    now = bench.clock()
    with bench.database.reading() as session:
        first = due_list(session, ingest_id, now=now)
    mine = _list_of(bench, first) if first else None
    if first is None or mine is None:
        return None
    with bench.database.reading() as session:
        earliest = first.start_at - _EARLIER
        due = due_with(session, first, since=earliest, now=now, limit=_MOST)
    others = [each for each in due if _list_of(bench, each) == mine]
    since = min(each.start_at for each in (first, *others)) - _BEFORE
    if not _is_worth_it(bench, mine.account, since, 1 + len(others)):
        return None
    return Round(bench, mine, since, [each.ingest_id for each in others])


def _list_of(bench: Workbench, due: DueList) -> Whose | None:
    return whose(bench, due.account, due.resource, due.site_url, due.host_email)


def _is_worth_it(bench: Workbench, account: str, since: datetime, meetings: int) -> bool:
    """Whether a list has fewer pages than these meetings alone, as far as we know its length."""
    spans = len(list(windows(since, bench.clock() + _AHEAD)))
    alone = meetings * spans
    if alone == spans:
        return False
    with bench.database.reading() as session:
        held = count_since(session, account, since, most=alone * PAGE_SIZE)
    return spans + held / PAGE_SIZE < alone


def in_step(work: Work, outcome: Outcome) -> Outcome:
    """Let the looks of one account that can be shared be due at the same moments.

    A wait ends up to a quarter of itself sooner or later, in place of its jitter.
    """
    meeting, ingest, now = work.meeting, work.ingest, work.bench.clock()
    last = ingest.patience_until
    if not isinstance(outcome, Wait) or outcome.until == last:
        return outcome
    place = (meeting.site_url, meeting.host_email)
    if whose(work.bench, ingest.account, ingest.resource, *place) is None:
        return outcome
    moment = _moment(work.bench.pace, ingest, now)
    return replace(outcome, until=last if now < last < moment else moment)


def _moment(pace: Pace, ingest: Ingest, now: datetime) -> datetime:
    """The moment of an account that is nearest; the longer the wait, the fewer there are.

    They are half the first wait apart, or twice, four times ... as far: all moments of a longer
    wait are some of a shorter one as well.
    """
    first = max(pace.first_seconds, 1e-3)
    seconds = max(grown_seconds(ingest.looks, pace), 1e-3)
    step = first / 2 * 2.0 ** math.floor(math.log2(seconds / first))
    # Accounts are not all due at once.
    phase = zlib.crc32(ingest.account.encode()) % _PHASES
    steps = round((now.timestamp() + seconds - phase) / step)
    return datetime.fromtimestamp(phase + steps * step, UTC)


def _may_be_of(meeting: Meeting, item: Item) -> bool:
    """Whether an item of which Webex does not tell the meeting may be of this one."""
    at = item.recorded_at
    if at is None or meeting.start_at is None:
        return True
    end = meeting.end_at or at
    return meeting.start_at - _STRAY <= at <= end + _STRAY
