"""What is wrong or soon will be, why, and what to do; and how all that goes on by itself stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.db import figures
from app.db.accounts import all_accounts
from app.db.cursors import all_cursors
from app.db.ticks import BEAT, WEBHOOKS, WORKER, last_tick, ticks_since
from app.ingestion.mending import mend_of
from app.ingestion.status import account_status, due_since, seconds_since
from app.ingestion.wording import account_sentence, age_text, size_text
from app.ingestion.workbench import Workbench
from app.models.problems import Backfilled, Course, Problems, Trouble
from app.models.words import Queue

_LATE_SECONDS = 300
_FEWEST_DAYS = 7
_ALIVE = timedelta(minutes=1)
_LAST_FILES = 5_000


@dataclass(frozen=True, slots=True)
class Expected:
    """How old what happens regularly may be before something is wrong, in seconds.

    ``webhooks`` is None where nobody looks after them.
    """

    sweep_seconds: float
    webhooks_seconds: float | None


@dataclass(frozen=True, slots=True)
class _Disk:
    """What is free of the archive's disk, what of it is to stay so, and how many days it lasts.

    None where it cannot be looked at, and ``days`` where nobody knows.
    """

    free: int | None
    reserve: int
    days: float | None


def problems(bench: Workbench, expected: Expected, *, free: int | None) -> Problems:
    """Everything that is wrong, gravest first; raises DatabaseUnavailable.

    ``free`` are the free bytes of the archive's disk, None where it does not answer.
    """
    now = bench.clock()
    with bench.database.reading() as session:
        disk = _disk(session, free, bench.archive.reserve_bytes, now)
        looks = (
            *_of_time(session, now, expected),
            *_of_disk(bench, disk),
            *_of_accounts(session, now),
            *_of_failures(session),
            *_of_gaps(session, bench, now),
            *_of_archive(session),
            *_of_events(session),
        )
        courses = list(_courses(session, now, expected, disk))
        backfills = [
            Backfilled.model_validate(each.model_dump() | {"is_finished": each.is_finished})
            for each in all_cursors(session)
        ]
    troubles = sorted(looks, key=lambda each: not each.is_grave)
    return Problems(troubles=troubles, courses=courses, backfills=backfills)


def _of_time(session: Session, now: datetime, expected: Expected) -> Iterator[Trouble]:
    swept_at = last_tick(session, "sweep")
    if swept_at is None or seconds_since(swept_at, now) > expected.sweep_seconds:
        since = f"for {age_text(seconds_since(swept_at, now))}" if swept_at else "yet"
        yield Trouble(
            what="sweep",
            is_grave=True,
            title="No worker looks for work",
            sentence=f"No worker has looked for work {since}: events are kept, nothing is fetched",
            mend="see whether `webex-ingest serve` (or your worker and beat) runs, and what "
            "/readyz says about the broker",
            since=swept_at,
        )
    due_at = due_since(session, now=now)
    if due_at is not None and seconds_since(due_at, now) > _LATE_SECONDS:
        yield Trouble(
            what="overdue",
            is_grave=True,
            title="Work waits for a worker",
            sentence=f"The oldest work has been due for {age_text(seconds_since(due_at, now))}",
            mend="see that workers of all queues run; if they do, start more of them",
            since=due_at,
        )


def _of_disk(bench: Workbench, disk: _Disk) -> Iterator[Trouble]:
    if disk.free is None:
        yield Trouble(
            what="archive_unavailable",
            is_grave=True,
            title="The archive cannot be looked at",
            sentence=f"{bench.archive.root} cannot be read",
            mend="see that its disk is there and mounted, and who may read it (ARCHIVE_DIR)",
        )
    elif disk.free <= disk.reserve or (disk.days is not None and disk.days < _FEWEST_DAYS):
        left = size_text(max(0, disk.free - disk.reserve))
        lasts = f", at the speed of late for {disk.days:.1f} days" if disk.days is not None else ""
        yield Trouble(
            what="disk",
            is_grave=disk.free <= disk.reserve,
            title="The disk of the archive fills up",
            sentence=f"{left} are left before DISK_RESERVE_BYTES{lasts}",
            mend="make room or give the archive a larger disk; work waits for it and goes on "
            "by itself",
        )


def _disk(session: Session, free: int | None, reserve: int, now: datetime) -> _Disk:
    """How long it lasts is told by the speed of the files stored last."""
    size, since = figures.stored_of_late(session, files=_LAST_FILES)
    seconds = (now - since).total_seconds() if since else 0
    if free is None or seconds < 3600 or not size:
        return _Disk(free, reserve, None)
    return _Disk(free, reserve, max(0, free - reserve) / (size / seconds) / 86400)


def _of_accounts(session: Session, now: datetime) -> Iterator[Trouble]:
    for account in map(account_status, all_accounts(session)):
        if sentence := account_sentence(account, now):
            said, _, todo = sentence.partition(": ")
            yield Trouble(
                what="account",
                is_grave=account.error is not None,
                title=f"Account {account.name or 'of the settings'}",
                sentence=said,
                mend=todo or "`webex-ingest accounts list` and `webex-ingest doctor` say more",
                since=account.refresh_expires_at if not account.error else None,
            )


def _of_failures(session: Session) -> Iterator[Trouble]:
    for code, number, since in figures.count_failures(session):
        mend = mend_of(code)
        yield Trouble(
            what="failed",
            is_grave=True,
            title=f"Failed: {mend.meaning}",
            sentence=f"Work that failed with {code or 'no code'} and needs your help",
            mend=mend.todo,
            number=number,
            since=since,
            reason=code if mend.helps else None,
        )


def _of_gaps(session: Session, bench: Workbench, now: datetime) -> Iterator[Trouble]:
    since = now - timedelta(days=bench.pace.backfill_days)
    if number := figures.count_gaps(session, since=since, now=now):
        yield Trouble(
            what="gaps",
            is_grave=True,
            title="Meetings with a gap",
            sentence=f"Of the meetings of the last {bench.pace.backfill_days} days so many have "
            "failed, or wait for longer than they should",
            mend="the report names each of them, and why",
            number=number,
        )


def _of_archive(session: Session) -> Iterator[Trouble]:
    if number := sum(each.damaged for each in figures.stock_of_kinds(session).values()):
        yield Trouble(
            what="damaged",
            is_grave=True,
            title="Damaged files",
            sentence="Stored files are damaged and cannot be fetched again",
            mend="bring them from a backup, then `webex-ingest verify --deep`; "
            "`webex-ingest status` names them",
            number=number,
        )


def _of_events(session: Session) -> Iterator[Trouble]:
    counts = figures.count_events(session)
    if number := counts.get("quarantined", 0) + counts.get("unresolved", 0):
        yield Trouble(
            what="events",
            is_grave=False,
            title="Events of which nothing came",
            sentence="Webhooks could not be understood, or Webex did not know what they were about",
            mend="`webex-ingest status` says why; `webex-ingest replay --quarantined` tries again",
            number=number,
        )


def _courses(session: Session, now: datetime, expected: Expected, disk: _Disk) -> Iterator[Course]:
    for name, word in (("Last look for work", "sweep"), ("Beat was heard of", BEAT)):
        at = last_tick(session, word)
        age = None if at is None else seconds_since(at, now)
        yield Course(
            name=name,
            value="never" if age is None else f"{age_text(age)} ago",
            is_fine=age is not None and age <= expected.sweep_seconds,
        )
    alive = [name.partition(":")[0] for name in ticks_since(session, WORKER, now - _ALIVE)]
    told = ", ".join(f"{queue} {alive.count(queue)}" for queue in Queue)
    yield Course(name="Workers alive", value=told, is_fine={*Queue} <= {*alive})
    for queue in (Queue.POLL, Queue.TRANSFER):
        due_at = figures.oldest_due_at(session, now=now, queue=queue)
        late = 0.0 if due_at is None else seconds_since(due_at, now)
        value = "nothing due" if due_at is None else f"due for {age_text(late)}"
        yield Course(name=f"Queue {queue}", value=value, is_fine=late <= _LATE_SECONDS)
    yield _webhooks_course(session, now, expected)
    last = figures.last_delivery_at(session)
    told = "none yet" if last is None else f"{age_text(seconds_since(last, now))} ago"
    yield Course(name="Last webhook", value=told, is_fine=last is not None)
    yield _disk_course(disk)


def _webhooks_course(session: Session, now: datetime, expected: Expected) -> Course:
    name, at = "Webhooks found active", last_tick(session, WEBHOOKS)
    if expected.webhooks_seconds is None:
        return Course(name=name, value="not looked after: PUBLIC_URL is not set", is_fine=False)
    if at is None:
        return Course(name=name, value="never: see `webex-ingest webhooks doctor`", is_fine=False)
    age = seconds_since(at, now)
    return Course(name=name, value=f"{age_text(age)} ago", is_fine=age <= expected.webhooks_seconds)


def _disk_course(disk: _Disk) -> Course:
    if disk.free is None:
        return Course(name="Disk of the archive", value="cannot be read", is_fine=False)
    room = max(0, disk.free - disk.reserve)
    lasts = f", enough for {disk.days:,.0f} days" if disk.days is not None else ""
    is_fine = room > 0 and (disk.days is None or disk.days >= _FEWEST_DAYS)
    return Course(
        name="Disk of the archive", value=f"{size_text(room)} left{lasts}", is_fine=is_fine
    )
