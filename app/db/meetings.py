"""The rows of meetings: made once, filled in as Webex tells more, never moved."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.lags import note_archived
from app.db.statements import insert_into
from app.models.tables import Ingest, Meeting
from app.models.words import CORE_RESOURCES, Reason, State


def ensure_meeting(
    session: Session, meeting_id: str, *, source: str, now: datetime, account: str = ""
) -> Meeting:
    """The row of a meeting, made if there is none, locked as by lock_meeting."""
    ensure_meetings(session, {meeting_id: account}, source=source, now=now)
    return lock_meetings(session, [meeting_id])[meeting_id]


def ensure_meetings(
    session: Session, accounts: Mapping[str, str], *, source: str, now: datetime
) -> None:
    """Make the rows of meetings that have none; each is said to belong to an account."""
    known = session.scalars(
        select(col(Meeting.meeting_id)).where(col(Meeting.meeting_id).in_(accounts))
    )
    new = {
        "source": source,
        "first_seen_at": now,
        "details_known": False,
        "revision": 1,
        "manifest_revision": 0,
    }
    # In one order for everybody: who makes the same meetings meanwhile is waited for.
    rows = [
        {**new, "meeting_id": each, "account": accounts[each]}
        for each in sorted({*accounts} - {*known})
    ]
    if rows:
        insert = insert_into(session, Meeting)
        session.connection().execute(
            insert.on_conflict_do_nothing(index_elements=["meeting_id"]), rows
        )


def states_of(session: Session, meeting_ids: Collection[str]) -> dict[str, str | None]:
    """What Webex has said last of the state of each of these meetings that is known."""
    rows = session.execute(
        select(col(Meeting.meeting_id), col(Meeting.webex_state)).where(
            col(Meeting.meeting_id).in_(meeting_ids)
        )
    )
    return {row.meeting_id: row.webex_state for row in rows}


def lock_meetings(session: Session, meeting_ids: Collection[str]) -> dict[str, Meeting]:
    """Those of these meetings that are known, all locked as by lock_meeting.

    In the order of their rows, as everybody who locks several must: two who do so in different
    orders would each wait for the other.
    """
    found = session.scalars(
        select(Meeting)
        .where(col(Meeting.meeting_id).in_(meeting_ids))
        .order_by(col(Meeting.id))
        .with_for_update(key_share=True)
    )
    return {meeting.meeting_id: meeting for meeting in found}


def lock_meeting(session: Session, meeting_row_id: int) -> None:
    """Write to this meeting alone until the transaction ends.

    Whoever writes more than one row of a meeting locks it first. Otherwise two of them may
    each hold the row that the other one needs, and Postgres throws one of them out. Even an
    INSERT … ON CONFLICT DO NOTHING waits for whoever is changing the row that is there.
    """
    session.execute(
        select(col(Meeting.id))
        .where(col(Meeting.id) == meeting_row_id)
        .with_for_update(key_share=True)
    )


def find_meeting(session: Session, meeting_id: str) -> Meeting | None:
    """The row of a meeting by Webex's instance id; None if there is none."""
    if "\0" in meeting_id:
        # Postgres refuses to be asked for it.
        return None
    return session.scalars(
        select(Meeting).where(col(Meeting.meeting_id) == meeting_id)
    ).one_or_none()


def began(since: datetime | None, until: datetime | None = None) -> ColumnElement[bool]:
    """Whether a meeting began in a span of time; without a known start, was first heard of."""

    # Spelled out, so that the index of starts serves.
    def within(moment: Any) -> list[ColumnElement[bool]]:
        begun = [] if since is None else [moment >= since]
        return begun if until is None else [*begun, moment < until]

    start_at, first_seen_at = col(Meeting.start_at), col(Meeting.first_seen_at)
    return and_(*within(start_at)) | and_(start_at.is_(None), *within(first_seen_at))


def meetings_with_work(session: Session, names: Collection[str]) -> list[str]:
    """Those meetings that have ingests and are named, or one of whose recordings or such is.

    Those in progress are left out: their work ends when they do.
    """
    named = col(Meeting.meeting_id).in_(names) | col(Ingest.resource_id).in_(names)
    work = col(Ingest.meeting_row_id) == col(Meeting.id)
    live = select(col(Ingest.meeting_row_id)).where(
        col(Ingest.reason) == Reason.MEETING_IN_PROGRESS,
        col(Ingest.state).in_((State.WAITING, State.RUNNING)),
    )
    over = col(Meeting.id).not_in(live)
    found = select(col(Meeting.meeting_id)).join(Ingest, work).where(named, over).distinct()
    return [*session.scalars(found)]


def hint(session: Session, meeting: Meeting, **hints: Any) -> None:
    """Fill in what is not known yet, from a webhook: the API's own word is never overwritten."""
    known = {name: value for name, value in hints.items() if value is not None}
    if not known:
        return
    session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting.id, col(Meeting.details_known).is_(False))
        .values(**known)
    )


def hint_all(session: Session, meetings: Collection[Meeting]) -> None:
    """Write down the hints that these rows, which are locked, have been given in memory."""
    table: Any = Meeting.__table__  # type: ignore[attr-defined]
    names = ("webex_state", "title", "site_url", "host_email", "start_at", "end_at")
    hints = [
        {"hinted_id": each.id} | {name: getattr(each, name) for name in names} for each in meetings
    ]
    which = (table.c.id == bindparam("hinted_id"), table.c.details_known.is_(False))
    if hints:
        session.connection().execute(update(table).where(*which), hints)


def tell(session: Session, meeting: Meeting, **details: Any) -> None:
    """Write down what the API says about a meeting; unknown details stay as they were."""
    known = {name: value for name, value in details.items() if value is not None}
    session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting.id)
        .values(**known, details_known=True, revision=Meeting.revision + 1)
    )


def assign(session: Session, meeting_row_id: int, account: str) -> None:
    """Give a meeting and all its work to another account."""
    session.execute(
        update(Meeting).where(col(Meeting.id) == meeting_row_id).values(account=account)
    )
    mine = col(Ingest.meeting_row_id) == meeting_row_id
    session.execute(update(Ingest).where(mine).values(account=account))


def fix_folder(session: Session, meeting: Meeting, folder: str) -> str:
    """Give a meeting its folder, once and for all; the folder it has after this."""
    session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting.id, col(Meeting.folder).is_(None))
        .values(folder=folder)
    )
    fixed = session.scalar(select(col(Meeting.folder)).where(col(Meeting.id) == meeting.id))
    return str(fixed)


def restore_meeting(session: Session, meeting: Meeting, **columns: Any) -> None:
    """Give a meeting without a folder what is told of it elsewhere, its folder among it.

    Of one whose details the API has told here since then it is the folder alone.
    """
    mine = (col(Meeting.id) == meeting.id, col(Meeting.folder).is_(None))
    if meeting.details_known:
        columns = {"folder": columns["folder"]}
    session.execute(update(Meeting).where(*mine).values(**columns))
    session.refresh(meeting)


def holder_of_folder(session: Session, folder: str) -> str | None:
    """The id of the meeting whose folder it is."""
    return session.scalar(select(col(Meeting.meeting_id)).where(col(Meeting.folder) == folder))


def touch(session: Session, *meeting_row_ids: int) -> None:
    """Say that something the manifest tells has changed."""
    if not meeting_row_ids:
        return
    session.execute(
        update(Meeting)
        .where(col(Meeting.id).in_(meeting_row_ids))
        .values(revision=Meeting.revision + 1)
    )


def mark_incomplete(session: Session, meeting_row_ids: Collection[int]) -> None:
    """Say of meetings of which something was opened that they are not complete any more."""
    session.execute(
        update(Meeting)
        .where(col(Meeting.id).in_(meeting_row_ids), col(Meeting.completed_at).is_not(None))
        .values(completed_at=None)
    )


def manifest_written(session: Session, meeting_row_id: int, revision: int) -> None:
    """Note that the manifest tells ``revision``.

    If there is a newer one by now it counts as never written: it may stand in its place.
    """
    newest = col(Meeting.revision) == revision
    session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting_row_id)
        .values(manifest_revision=case((newest, revision), else_=0))
    )


def stale_manifests(session: Session, *, limit: int) -> list[int]:
    """Meetings whose manifest tells less than the rows do."""
    return list(
        session.scalars(
            select(col(Meeting.id))
            .where(
                col(Meeting.manifest_revision) < col(Meeting.revision),
                col(Meeting.folder).is_not(None),
            )
            # Without an order SQLite takes the index of all folders, which is as long as the years.
            .order_by(col(Meeting.id))
            .limit(limit)
        )
    )


def longest_unread(session: Session) -> tuple[Meeting, datetime] | None:
    """The meeting whose files were read longest ago, and when that was.

    Storing a file reads it, and a meeting has no file before it was first heard of. Those never
    read again and the others are two questions, each of which an index answers.
    """
    verified_at, seen_at = col(Meeting.verified_at), col(Meeting.first_seen_at)
    first = (
        select(Meeting)
        .where(col(Meeting.folder).is_not(None))
        .order_by(verified_at, seen_at, col(Meeting.id))
        .limit(1)
    )
    found = [
        session.scalars(first.where(which)).one_or_none()
        for which in (verified_at.is_(None), verified_at.is_not(None))
    ]
    told = [(each, each.verified_at or each.first_seen_at) for each in found if each is not None]
    return min(told, key=lambda each: each[1], default=None)


def neighbours_of(session: Session, meeting: Meeting, *, count: int) -> list[list[str]]:
    """The folders of so many meetings that were made just before one, and just after it."""
    folder, row_id = col(Meeting.folder), col(Meeting.id)
    some = select(folder).where(folder.is_not(None)).limit(count)
    before = some.where(row_id < meeting.id).order_by(row_id.desc())
    after = some.where(row_id > meeting.id).order_by(row_id)
    sides = (session.scalars(before), session.scalars(after))
    return [[each for each in side if each is not None] for side in sides]


def note_verified(session: Session, meeting: Meeting, at: datetime) -> None:
    """Say that all files of a meeting were read whole since then."""
    before = col(Meeting.verified_at)
    session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting.id, before.is_(None) | (before < at))
        .values(verified_at=at)
    )


def settle_completeness(session: Session, meeting_row_id: int, *, now: datetime) -> bool:
    """Mark a meeting complete when its core resources have ended well, else not complete.

    Each recording and each transcript counts, not only their lists.

    True when it has just become complete.
    """
    core = (
        col(Ingest.meeting_row_id) == meeting_row_id,
        col(Ingest.resource).in_(CORE_RESOURCES),
    )
    ended_well = col(Ingest.state).in_((State.DONE, State.ABSENT))
    lists = select(func.count()).where(*core, col(Ingest.resource_id) == "", ended_well)
    open_ones = select(func.count()).where(*core, ~ended_well)
    of_this, is_so = col(Meeting.id) == meeting_row_id, col(Meeting.completed_at).is_not(None)
    done, pending, was_so = session.execute(
        select(lists.scalar_subquery(), open_ones.scalar_subquery(), is_so).where(of_this)
    ).one()
    complete = done == len(CORE_RESOURCES) and not pending
    if complete == was_so:
        return False
    result = session.execute(
        update(Meeting)
        .where(of_this, is_so == was_so)
        .values(completed_at=now if complete else None, revision=Meeting.revision + 1)
    )
    has_become_so = complete and bool(result.rowcount)  # type: ignore[attr-defined]
    if has_become_so:
        note_archived(session, meeting_row_id, now=now)
    return has_become_so
