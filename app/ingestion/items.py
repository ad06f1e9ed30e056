"""Lists of recordings or transcripts: polled until they have settled and all items are stored."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import or_
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.files import has_files
from app.db.ingests import heartbeat, new_ingest, open_ingests, reopen
from app.db.meetings import lock_meeting, mark_incomplete, touch
from app.db.notes import note_at_source, note_recorded
from app.db.standing import items_of
from app.errors import Forbidden, Gone, NotFound, PartialList
from app.ingestion.entry import patience_until
from app.ingestion.retry import NothingYet, decide, delay_seconds
from app.ingestion.rounds import in_step
from app.ingestion.workbench import Item, Work
from app.models.outcomes import Absent, Done, Failed, Outcome, Wait
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails
from app.models.words import Priority, Reason, State
from app.webex import resources
from app.webex.client import WebexClient

UNKNOWN_START = timedelta(days=30)
"""How far before the first news of a meeting its recordings are looked for, if need be."""

_NEVER_THERE = (Reason.NOT_AVAILABLE, Reason.GAVE_UP)
"""An item that ended so was announced, and Webex never had it."""

LISTED_AFTER = timedelta(hours=1)
"""So long after the end Webex's list of meetings is believed when it says: there is none."""

Flag = Callable[[MeetingDetails], bool | None]


class Find(Protocol):
    """Lists the items of a meeting at Webex."""

    def __call__(
        self,
        client: WebexClient,
        meeting_id: str,
        *,
        since: datetime,
        now: datetime,
        host_email: str | None,
        site_url: str | None,
    ) -> Sequence[Item]:
        """All items since a time."""


def follow_items(work: Work, find: Find, *, flag: Flag, none: Reason) -> Outcome:
    """Open one row for each new item that Webex lists, and say how the list itself stands.

    It is done when at least one item was found, the list has not grown for SETTLE_SECONDS,
    and every item is stored (or absent for a reason of its own). Stopping and restarting a
    recording makes several, so finding one is no reason to stop looking. ``flag`` reads
    from the list of meetings whether there are any, ``none`` is the reason when there are not.
    """
    bench, now, meeting = work.bench, work.bench.clock(), work.meeting
    try:
        found = _listed_together(work)
        if found is None:
            found = find(
                work.webex,
                meeting.meeting_id,
                since=meeting.start_at or meeting.first_seen_at - UNKNOWN_START,
                now=now,
                host_email=work.host_email,
                site_url=meeting.site_url,
            )
    except PartialList as error:
        # What Webex could read is fetched; the list itself is asked for again.
        _note(work, error.items, is_all=False)
        raise
    listed = {each.id for each in found}
    _note(work, found, is_all=True)
    with bench.database.reading() as session:
        items = [
            item
            for item in items_of(session, work.meeting_row_id, work.ingest.resource)
            if not (item.state == State.ABSENT and item.reason in _NEVER_THERE)
        ]
    if not items and listed_without(work, flag):
        return Absent(none)
    if not items:
        return in_step(work, decide(NothingYet(), work.ingest, bench.pace, now))
    # An event may have opened an item before the list was looked at: that is growth as well.
    grown_at = max(item.opened_at for item in items)
    settled_at = grown_at + timedelta(seconds=bench.pace.settle_seconds)
    if now < settled_at:
        return Wait(settled_at, Reason.SETTLING)
    return _while_it_lags(items, listed) or _when_settled(work, items)


def _listed_together(work: Work) -> Sequence[Item] | None:
    """What a look at many meetings says of this one, if that is enough.

    What we know and it lacks is looked for alone, and so is everything when patience ends.
    """
    if work.look is None or work.bench.clock() >= work.ingest.patience_until:
        return None
    if (found := work.look.listed(work)) is None:
        return None
    with work.bench.database.reading() as session:
        items = items_of(session, work.meeting_row_id, work.ingest.resource)
    known = {each.resource_id for each in items if each.state != State.ABSENT}
    return found if known <= {each.id for each in found} else None


def _while_it_lags(items: Sequence[Ingest], listed: Collection[str]) -> Wait | None:
    """The wait of a list that still has what Webex has deleted; still there then, it is back."""
    told = [item.gone_at for item in items if item.resource_id in listed and is_gone(item)]
    return Wait(max(filter(None, told)) + LISTED_AFTER, Reason.SETTLING) if told else None


def is_gone(ingest: Ingest) -> bool:
    """Whether Webex has told of the deletion since it was opened; what came before is over."""
    return ingest.gone_at is not None and ingest.gone_at >= ingest.opened_at


def or_stored(work: Work, error: NotFound | Gone) -> Outcome:
    """What becomes of an item that Webex does not have: what is stored stays stored.

    Webex has deleted it since, or its API lags; an event about the deletion decides it.
    """
    ingest = work.ingest
    outcome: Outcome = Absent(Reason.DELETED_AT_SOURCE)
    if not is_gone(ingest):
        outcome = decide(error, ingest, work.bench.pace, work.bench.clock())
    if not isinstance(outcome, Absent):
        return outcome
    if ingest.stored_at is not None:
        return Done(Reason.DELETED_AT_SOURCE)
    with work.bench.database.reading() as session:
        some = has_files(session, work.meeting_row_id, ingest.resource, ingest.resource_id)
    # It was there once. A part of it is not all of it.
    return Absent(Reason.DELETED_AT_SOURCE, "not all of it had been stored") if some else outcome


def listed_without(work: Work, flag: Flag) -> bool:
    """Whether Webex lists the meeting as one that has none, an hour after its end, twice looked."""
    meeting, now = work.meeting, work.bench.clock()
    if meeting.start_at is None or meeting.end_at is None or not work.ingest.looks:
        return False
    if now < meeting.end_at + LISTED_AFTER:
        return False
    try:
        listed = listed_one(work.webex, meeting, since=meeting.start_at, now=meeting.end_at)
    except (Forbidden, PartialList):
        # Whoever may read recordings may lack the scope for the list of meetings, and Webex may be
        # unable to read this one: that says nothing.
        return False
    return listed is not None and flag(listed) is False


def listed_one(
    webex: WebexClient, meeting: Meeting, *, since: datetime, now: datetime
) -> MeetingDetails | None:
    """A meeting as the list of its series tells it, which is more than its details do.

    None where Webex does not list it. Others that Webex could not read are nobody's concern here;
    raises PartialList where it may be one of them.
    """
    series_id = meeting.meeting_series_id or meeting.meeting_id.partition("_I_")[0]
    unread: PartialList | None = None
    try:
        found = resources.instances(webex, series_id, since=since, now=now)
    except PartialList as error:
        found, unread = error.items, error
    mine = next((each for each in found if each.id == meeting.meeting_id), None)
    if mine is None and unread is not None:
        raise unread
    return mine


def _note(work: Work, found: Sequence[Item], *, is_all: bool) -> None:
    """Write down what Webex lists; nothing, which may be a mistake of the moment, says nothing."""
    if not found:
        return
    now = work.bench.clock()
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=now)
        _open_new(session, work, found, now)
        if is_all:
            _note_deletions(session, work, {each.id for each in found}, now)


def _open_new(session: Session, work: Work, found: Sequence[Item], now: datetime) -> None:
    patience = max(
        patience_until(work.meeting, work.bench.pace, now), now + work.bench.pace.give_up
    )
    wanted = [
        new_ingest(
            work.meeting,
            work.ingest.resource,
            each.id,
            due_at=now,
            patience_until=patience,
            priority=Priority(work.ingest.priority),
            now=now,
        )
        for each in found
    ]
    open_ingests(session, wanted)
    recorded = {each.id: each.recorded_at for each in found if each.recorded_at is not None}
    note_recorded(session, work.meeting_row_id, recorded)


def _note_deletions(session: Session, work: Work, listed: set[str], now: datetime) -> None:
    """Note which stored items Webex no longer lists, and look at those again which it does list.

    What was stored or deleted a moment ago may not be in the list because it lags. A single
    deletion is told by an event as well. What an item is by now its details say.
    """
    mine = (
        col(Ingest.meeting_row_id) == work.meeting_row_id,
        col(Ingest.resource) == work.ingest.resource,
        col(Ingest.resource_id) != "",
    )
    is_listed = col(Ingest.resource_id).in_(listed)
    lagging = col(Ingest.ended_at) > now - LISTED_AFTER
    is_done = col(Ingest.state) == State.DONE
    if note_at_source(session, *mine, is_done, ~is_listed, ~lagging, deleted=True, now=now):
        touch(session, work.meeting_row_id)
    is_back = (
        *(is_listed, col(Ingest.gone_at) >= col(Ingest.opened_at)),
        col(Ingest.gone_at) <= now - LISTED_AFTER,
        or_(is_done, col(Ingest.reason) == Reason.DELETED_AT_SOURCE),
    )
    if reopen(
        session,
        *(*mine, *is_back),
        states=(State.DONE, State.ABSENT),
        due_at=now,
        patience_until=now + work.bench.pace.give_up,
        priority=Priority(work.ingest.priority),
        now=now,
    ):
        mark_incomplete(session, {work.meeting_row_id})
        touch(session, work.meeting_row_id)


def _when_settled(work: Work, items: Sequence[Ingest]) -> Outcome:
    now = work.bench.clock()
    failed = [item for item in items if item.state == State.FAILED]
    pending = [item for item in items if item.state in (State.WAITING, State.RUNNING)]
    if pending:
        # Each item wakes the list when it ends; this wait is only for a wake that got lost. It
        # is no shorter than theirs: an item that never comes must not cost a look a minute.
        seconds = max(delay_seconds(2, work.bench.pace), work.bench.pace.lease_seconds)
        theirs = min(_look_at(item, now) for item in pending)
        return Wait(max(now + timedelta(seconds=seconds), theirs), Reason.ITEMS_PENDING)
    if failed:
        which = ", ".join(item.resource_id for item in failed[:3])
        return Failed("item_failed", f"{len(failed)} of {len(items)} failed: {which}")
    return Done()


def _look_at(item: Ingest, now: datetime) -> datetime:
    return item.next_attempt_at if item.state == State.WAITING and item.next_attempt_at else now
