"""What the policy makes of meetings: which are left out, and what it would do in some days."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from app.db.auto_record import Asked, flips, want_flips
from app.db.standing import details_state
from app.errors import Forbidden, NotFound, PartialList, WebexError
from app.ingestion.auto_record import judge, subject_of
from app.ingestion.retry import delay_seconds
from app.ingestion.workbench import Work, Workbench
from app.models.outcomes import Absent, Outcome, Wait
from app.models.policy import Decision, Matter, Subject
from app.models.tables import Meeting
from app.models.webex import MeetingDetails
from app.models.words import Flip, Reason, Role, State
from app.webex.client import WebexClient
from app.webex.planned import ended, planned


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the policy makes of one meeting that Webex lists.

    ``flip`` is None for a meeting that took place; SWITCHING is one that would be switched on.
    """

    account: str
    meeting: MeetingDetails
    ingest: Decision
    flip: Flip | None = None
    rule: str = ""
    why: str | None = None


def left_out(work: Work) -> Outcome | None:
    """The end of what the policy leaves out, before anything of it is fetched.

    Until Webex has told whose meeting it was, nobody knows; what has begun to be stored goes on.
    """
    bench = work.bench
    if not bench.policy.excludes:
        return None
    with bench.database.reading() as session:
        meeting = session.get_one(Meeting, work.meeting_row_id)
        details = details_state(session, work.meeting_row_id)
    if meeting.folder is not None:
        return None
    is_told = meeting.details_known or meeting.scheduled_type is not None
    if not is_told and details in (State.WAITING, State.RUNNING):
        seconds = delay_seconds(work.ingest.looks, bench.pace)
        until = bench.clock() + timedelta(seconds=seconds)
        return Wait(until, Reason.MEETING_UNKNOWN, counts=False)
    subject = Subject(meeting.host_email, meeting.title, meeting.scheduled_type)
    decision = bench.policy.decide(Matter.INGEST, subject)
    return None if decision.wanted else Absent(Reason.EXCLUDED_BY_POLICY, decision.rule)


def forecast(
    bench: Workbench,
    *,
    since: datetime,
    until: datetime,
    hosts: Sequence[str] = (),
    unasked: Callable[[str, WebexError], None] | None = None,
) -> Iterator[Forecast]:
    """What the policy makes of all meetings of a span of time, past and to come; changes nothing.

    Administrators see planned meetings host by host only: of ``hosts``, and of those that the
    policy names. ``unasked`` is told of each account that could not be asked, or not for all;
    raises WebexError where there is nothing to show instead.
    """
    seen: set[str] = set()
    with bench.database.reading() as session:
        undone = {each.meeting_id for each in flips(session, [Flip.UNDONE])}
    for name in bench.accounts.names():
        client = bench.accounts.client(name)
        try:
            for each in _listed(bench, name, client, since, until, hosts):
                if each.id not in seen:
                    seen.add(each.id)
                    yield _forecast(bench, name, each, undone)
        except WebexError as error:
            is_all = len(bench.accounts.names()) == 1 and not isinstance(error, PartialList)
            if unasked is None or is_all:
                raise
            unasked(name, error)


def apply(bench: Workbench, forecasts: Sequence[Forecast]) -> list[str]:
    """Have those switched on that a forecast says would be; which ones."""
    wanted = {
        each.meeting.id: Asked(each.account, each.meeting.host_email)
        for each in forecasts
        if each.flip is Flip.SWITCHING
    }
    with bench.database.transaction() as session:
        want_flips(session, wanted, now=bench.clock())
    return sorted(wanted)


def apply_to(bench: Workbench, meeting_ids: Sequence[str]) -> list[str]:
    """Have these planned meetings looked at, even if they were undone; which ones."""
    account = bench.accounts.default()
    wanted = {each: Asked(account, None) for each in meeting_ids}
    with bench.database.transaction() as session:
        want_flips(session, wanted, now=bench.clock(), again=True)
    return sorted(wanted)


def _forecast(
    bench: Workbench, account: str, meeting: MeetingDetails, undone: Collection[str]
) -> Forecast:
    ingest = bench.policy.decide(Matter.INGEST, subject_of(meeting))
    if meeting.meeting_type == "meeting":
        return Forecast(account, meeting, ingest)
    judgement = judge(bench.policy, meeting)
    if meeting.id in undone and judgement.flip is Flip.SWITCHING:
        return Forecast(account, meeting, ingest, Flip.UNDONE, judgement.rule, "it was undone")
    return Forecast(account, meeting, ingest, judgement.flip, judgement.rule, judgement.why)


def _listed(
    bench: Workbench,
    name: str,
    client: WebexClient,
    since: datetime,
    until: datetime,
    hosts: Sequence[str],
) -> Iterator[MeetingDetails]:
    """What Webex lists of an account; raises PartialList at the end where it could not read all."""
    lists = [
        partial(ended, client, since=since, until=until),
        partial(planned, client, since=since, until=until),
    ]
    if bench.accounts.view(name).role != Role.USER:
        for host in sorted({*hosts, *bench.policy.named_hosts()}):
            lists.append(partial(_planned_of, client, host, since=since, until=until))
    unread: PartialList | None = None
    for listed in lists:
        try:
            yield from listed()
        except PartialList as error:
            yield from error.items
            unread = error
    if unread is not None:
        raise unread


def _planned_of(
    client: WebexClient, host: str, *, since: datetime, until: datetime
) -> list[MeetingDetails]:
    try:
        return planned(client, since=since, until=until, host_email=host)
    except (Forbidden, NotFound):
        # Somebody of another organization, whose meetings another account may read.
        return []
