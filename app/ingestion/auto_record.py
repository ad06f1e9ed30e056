"""Setting planned meetings to be recorded, where the policy says so; every switch is written down.

What is judged here is also what ``policy check`` tells beforehand.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.db.auto_record import (
    begin_flip,
    claim_flip,
    end_flip,
    end_undoing,
    is_undone,
    to_be_undone,
    undo_flip,
)
from app.errors import (
    DatabaseUnavailable,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    WebexError,
    WorkerStopping,
)
from app.ingestion.workbench import Workbench
from app.models.planned import AutoRecord
from app.models.policy import Matter, Policy, ScheduledType, Subject
from app.models.webex import MeetingDetails, is_instance
from app.models.words import Flip
from app.webex import resources
from app.webex.client import WebexClient
from app.webex.planned import let_record

log = structlog.get_logger()

_SECONDS_AT_ONCE = 8
_HOLD_SECONDS = 120
_MOST_LOOKS = 10
_NOT_AGAIN_WITHIN = timedelta(hours=1)
_OURS = (Flip.SWITCHING, Flip.SWITCHED_ON)
_OFF_AGAIN = "it was off again within an hour; the next change after that switches it on"
_READ = "meeting:schedules_read, or as administrator meeting:admin_schedule_read"
_WRITE = "meeting:schedules_write, or as administrator meeting:admin_schedule_write"
_OVER = {
    "ended": "it is over",
    "missed": "it is over",
    "expired": "it is over",
    "inProgress": "it is going on right now",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to come of a planned meeting: SWITCHING where it is to be set to record.

    ``rule`` says by what, ``why`` why not, both for people.
    """

    flip: Flip
    rule: str
    why: str | None = None


def judge(policy: Policy, planned: MeetingDetails) -> Judgement:
    """Say what the policy makes of a planned meeting; changes and asks nothing."""
    decision = policy.decide(Matter.RECORD, subject_of(planned))
    if not decision.wanted:
        return Judgement(Flip.NOT_WANTED, decision.rule)
    if is_instance(planned.id) or planned.meeting_type == "meeting":
        why = "Webex lets only planned meetings be changed"
    elif planned.scheduled_type == ScheduledType.PERSONAL_ROOM:
        why = "personal rooms cannot be set to be recorded"
    else:
        why = _OVER.get(planned.state or "", "")
    if why:
        return Judgement(Flip.NOT_POSSIBLE, decision.rule, why)
    if planned.enabled_auto_record_meeting:
        return Judgement(Flip.ALREADY_ON, decision.rule)
    return Judgement(Flip.SWITCHING, decision.rule)


def subject_of(meeting: MeetingDetails) -> Subject:
    """What the rules of a policy look at, of a meeting as Webex tells it."""
    kind = meeting.scheduled_type or ScheduledType.MEETING
    return Subject(meeting.host_email, meeting.title, kind)


def judge_due(bench: Workbench) -> int:
    """Look at planned meetings that are due, for some seconds; how many.

    May run twice at once, and end anywhere: what Webex is told twice is the same.
    """
    until = time.monotonic() + _SECONDS_AT_ONCE
    looked_at = 0
    while not bench.stopping() and time.monotonic() < until:
        with bench.database.transaction() as session:
            held = claim_flip(session, now=bench.clock(), hold_seconds=_HOLD_SECONDS)
        if held is None:
            break
        looked_at += 1
        try:
            _finish_undoing(bench, held) if held.flip == Flip.UNDONE else _look_at(bench, held)
        except WorkerStopping:
            break
        except WebexError as error:
            _put_off(bench, held, error)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            # As with an ingest: a fault of ours ends visibly in its row and holds up no other.
            log.exception("policy.fault", planned_id=held.meeting_id)
            why = f"an error in webex-ingest itself: {type(error).__name__}"
            _end(bench, held, _unless_ours(held, Flip.REFUSED), {"why": why})
    return looked_at


def undo(bench: Workbench, meeting_ids: Sequence[str]) -> dict[str, str | None]:
    """Switch off again what we switched on, and leave it alone from now on.

    What went wrong by meeting, None where it is off now. What Webex refuses can be tried again.
    """
    return {each: _undone(bench, each) for each in meeting_ids}


def switched_on(bench: Workbench) -> Sequence[str]:
    """The planned meetings that are recorded because of us."""
    with bench.database.reading() as session:
        return to_be_undone(session)


def _look_at(bench: Workbench, held: AutoRecord) -> None:
    look = bench.patience()

    def ask(name: str, client: WebexClient) -> MeetingDetails:
        host = bench.accounts.host_to_name(name, held.host_email)
        return resources.meeting(client.accompanied_by(look), held.meeting_id, host_email=host)

    account, planned = bench.accounts.first_that_can(held.account, ask)
    judgement = judge(bench.policy, planned)
    told: dict[str, object] = {
        "account": account,
        "host_email": planned.host_email or held.host_email,
        "title": planned.title,
        "start_at": planned.start,
        "tries": 0,
        "rule": judgement.rule,
        "why": judgement.why,
    }
    if judgement.flip is not Flip.SWITCHING:
        # What we switched on stays known as that, whatever the policy says by now.
        is_on = planned.enabled_auto_record_meeting
        flip = Flip.SWITCHED_ON if held.flip in _OURS and is_on else judgement.flip
        _end(bench, held, flip, told)
    elif _was_told_of_late(held, bench.clock()):
        # Webex answers our own change by another event: it must not come round again and again.
        is_off = held.flip in _OURS and planned.enabled_auto_record_meeting is False
        _end(bench, held, Flip(held.flip), told | {"why": _OFF_AGAIN if is_off else held.why})
    else:
        _switch_on(bench, held, account, told)


def _was_told_of_late(held: AutoRecord, now: datetime) -> bool:
    if held.flip == Flip.SWITCHING or held.switched_at is None:
        return False
    return now < held.switched_at + _NOT_AGAIN_WITHIN


def _switch_on(
    bench: Workbench, held: AutoRecord, account: str, told: Mapping[str, object]
) -> None:
    with bench.database.transaction() as session:
        if not begin_flip(session, held, now=bench.clock()):
            return
    said = _tell_webex(bench, held, account, on=True)
    with bench.database.reading() as session:
        undone = is_undone(session, held)
    if undone:
        # What was told to be off before this has been on since.
        _undone(bench, held.meeting_id)
    elif said is False:
        why = "Webex took the change and still does not record it: does its site allow recording?"
        _end(bench, held, Flip.REFUSED, {**told, "why": why})
    else:
        _end(bench, held, Flip.SWITCHED_ON, told)


def _tell_webex(bench: Workbench, row: AutoRecord, account: str, *, on: bool) -> bool | None:
    """Tell Webex, as the first account that may: reading a meeting is not changing it."""
    look = bench.patience()

    def ask(name: str, client: WebexClient) -> bool | None:
        host = bench.accounts.host_to_name(name, row.host_email)
        return let_record(client.accompanied_by(look), row.meeting_id, on=on, host_email=host)

    try:
        return bench.accounts.first_that_can(account, ask)[1]
    except Forbidden as error:
        raise _NotAllowed(str(error), status=error.status) from None


class _NotAllowed(Forbidden):
    """The accounts may read a planned meeting and not change it."""


def _end(bench: Workbench, held: AutoRecord, flip: Flip, told: Mapping[str, object]) -> None:
    with bench.database.transaction() as session:
        end_flip(session, held, due_at=None, now=bench.clock(), flip=flip, **told)
    log.info(f"policy.{flip}", planned_id=held.meeting_id, rule=told.get("rule"))


def _unless_ours(held: AutoRecord, flip: Flip) -> Flip:
    """What we switched on stays known as that, whatever went wrong later."""
    return Flip(held.flip) if held.flip in (*_OURS, Flip.UNDONE) else flip


def _put_off(bench: Workbench, held: AutoRecord, error: WebexError) -> None:
    """Try again later what may pass; the rest is refused, and says why."""
    now = bench.clock()
    may_appear = isinstance(error, NotFound) and held.tries < _MOST_LOOKS
    if not (error.retryable or may_appear):
        gone = isinstance(error, NotFound | Gone)
        why = "Webex does not know it any more" if gone else str(error)
        if isinstance(error, Forbidden):
            verb, scopes = ("change", _WRITE) if isinstance(error, _NotAllowed) else ("read", _READ)
            why = f"no account may {verb} it: it takes the scope {scopes}"
        flip = Flip.NOT_POSSIBLE if gone else Flip.REFUSED
        _end(bench, held, _unless_ours(held, flip), {"why": why})
        return
    seconds = min(bench.pace.first_seconds * 1.5 ** min(held.tries, 60), bench.pace.max_seconds)
    if isinstance(error, RateLimited) and error.retry_after_seconds:
        seconds = error.retry_after_seconds
    with bench.database.transaction() as session:
        due_at = now + timedelta(seconds=seconds)
        end_flip(session, held, due_at=due_at, now=now, tries=held.tries + 1, why=str(error))
    log.warning("policy.put_off", planned_id=held.meeting_id, error=error.code)


def _undone(bench: Workbench, meeting_id: str) -> str | None:
    # First the row: what Webex tells us about our own change must not switch it on again.
    with bench.database.transaction() as session:
        now = bench.clock()
        held = undo_flip(session, meeting_id, now=now, hold_seconds=_HOLD_SECONDS)
    return "it was not switched on by us" if held is None else _finish_undoing(bench, held)


def _finish_undoing(bench: Workbench, held: AutoRecord) -> str | None:
    """Tell Webex of an undoing; why that did not do, None if it did.

    What may pass is tried again by the workers.
    """
    why, due_at = None, None
    try:
        if _tell_webex(bench, held, held.account, on=False):
            why = "Webex took the change and still records it"
    except NotFound:
        # Nobody will record what is not there any more.
        why = None
    except WebexError as error:
        why = str(error)
        if error.retryable:
            due_at = bench.clock() + timedelta(seconds=_HOLD_SECONDS)
    with bench.database.transaction() as session:
        end_undoing(session, held, why, due_at=due_at, now=bench.clock())
    if why is None:
        log.info("policy.undone", planned_id=held.meeting_id)
    else:
        log.warning("policy.not_undone", planned_id=held.meeting_id, why=why)
    return why
