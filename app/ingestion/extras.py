"""The other resources of a meeting: each asked for gently, and never holding the meeting back."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from app.db.files import latest_file
from app.errors import Forbidden, IdUnusable, NotFound, PartialList, WebexError
from app.ingestion.items import Flag, listed_without
from app.ingestion.retry import no_permission
from app.ingestion.storing import store_bytes, store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Absent, Done, Failed, Outcome, Wait
from app.models.words import Kind, Reason, Resource, Role
from app.webex import extras as api
from app.webex.extras import Found, Items

Answers = Mapping[Kind, Found]

_MOST_LOOKS = 6
_REPORT_FINAL = timedelta(hours=48)
"""Until so long after the end Webex may still add to its report about the attendees."""
_NEVER_FLAGGED: Flag = lambda _listed: None  # noqa: E731 -- one of several of its kind


@dataclass(frozen=True, slots=True)
class Extra:
    """One other resource: its files, how they are found, and what Webex's list says of it.

    ``awaits`` says whether more may belong to what was found, ``lacks`` whether it surely does;
    what is found so long after the end as ``final_after`` is the last word.
    """

    files: Sequence[tuple[Kind, str, Callable[[Work], Found]]]
    flag: Flag = _NEVER_FLAGGED
    awaits: Callable[[Answers], bool] = lambda _found: False
    lacks: Callable[[Answers], bool] = lambda _found: False
    final_after: timedelta = timedelta(0)


def ingest_extra(work: Work) -> Outcome:
    """Fetch and store one other resource; absent when it has not appeared after six looks.

    What Webex has only a part of is stored at once, and looked for again as often: more of it
    becomes its next version.
    """
    extra = EXTRAS[Resource(work.ingest.resource)]
    is_last = _is_last(work, extra)
    found: dict[Kind, Found] = {}
    for kind, path, find in extra.files:
        found[kind] = find(work)
        if found[kind].items:
            _store(work, kind, path, found[kind].items)
    missing = [error for each in found.values() for error in each.missing]
    if not any(each.items for each in found.values()):
        return _without(work, extra, missing, is_last=is_last)
    if not is_last and _is_open(found, missing, extra):
        return _later(work, extra, missing)
    if work.bench.clock() < _final_at(work, extra):
        return Wait(_final_at(work, extra), Reason.NOT_FINAL, looked=True)
    return _with(found, missing, extra)


def summary_text(summaries: Items) -> str:
    """The summary and its action items as plain text, one paragraph or item a line."""
    lines: list[str] = []
    for each in summaries:
        notes = each.get("notes")
        lines += _lines(notes.get("content") if isinstance(notes, dict) else None)
        wanted = api.dicts(each.get("actionItems"))
        actions = [line for item in wanted for line in _lines(item.get("content"))]
        lines += ["", "Action items:", *(f"- {action}" for action in actions)] if actions else []
    return "\n".join(lines).strip() + "\n"


def _lines(content: Any) -> list[str]:
    """What a browser would show of HTML, without its looks."""
    if not isinstance(content, str):
        return []
    broken = re.sub(r"(?i)<(?:/p|/li|/h\d|/div|br\s*/?)>", "\n", content)
    text = html.unescape(re.sub(r"<[^<>]*>", "", broken))
    text = text.encode(errors="replace").decode()
    return [line for each in text.splitlines() if (line := " ".join(each.split()))]


def _store(work: Work, kind: Kind, path: str, items: Items) -> None:
    store_json(work, kind, path, {"items": items})
    if kind == Kind.SUMMARY:
        store_bytes(work, Kind.SUMMARY_TEXT, "summary.txt", summary_text(items).encode())


def _is_open(found: Answers, missing: Sequence[WebexError], extra: Extra) -> bool:
    """Whether a later look may bring more of what was found."""
    return any(map(_may_pass, missing)) or extra.awaits(found)


def _may_pass(error: WebexError) -> bool:
    return isinstance(error, NotFound | PartialList)


def _without(work: Work, extra: Extra, missing: Sequence[WebexError], *, is_last: bool) -> Outcome:
    """What becomes of a resource of which nothing came."""
    refused = [error for error in missing if not _may_pass(error)]
    may_come = len(refused) < len(extra.files) and not is_last
    if may_come and not listed_without(work, extra.flag):
        return _later(work, extra, missing)
    if fault := _fault(missing):
        return Failed(fault.code, str(fault))
    is_forbidden = any(isinstance(error, Forbidden) for error in missing)
    if _has_file(work, extra):
        # It was there before; what is stored stays. A report that was not final may be all of it.
        if work.ingest.stored_at is None and not extra.final_after:
            return Absent(Reason.DELETED_AT_SOURCE, "not all of it had been stored")
        return Done(Reason.NO_PERMISSION if is_forbidden else Reason.DELETED_AT_SOURCE)
    # Else it is not of this site or this kind of meeting: there is nothing anybody could mend.
    return no_permission(work.ingest.resource) if is_forbidden else Absent(Reason.NOT_AVAILABLE)


def _with(found: Answers, missing: Sequence[WebexError], extra: Extra) -> Outcome:
    """What becomes of a resource of which there will be no more than was found."""
    if fault := _fault(missing):
        return Failed(fault.code, f"{fault}; what could be read is stored")
    if any(isinstance(error, Forbidden) for error in missing):
        return Done(Reason.NO_PERMISSION)
    if missing or extra.lacks(found) or not all(each.items for each in found.values()):
        return Done(Reason.PARTS_MISSING)
    return Done()


def _fault(missing: Sequence[WebexError]) -> WebexError | None:
    """What keeps something from us that Webex has: as of every list, that is not done."""
    faults = (PartialList, IdUnusable)
    return next((error for error in missing if isinstance(error, faults)), None)


def _has_file(work: Work, extra: Extra) -> bool:
    key = (work.meeting_row_id, work.ingest.resource, work.ingest.resource_id)
    with work.bench.database.reading() as session:
        return any(latest_file(session, *key, kind) for kind, _, _ in extra.files)


def _later(work: Work, extra: Extra, missing: Sequence[WebexError]) -> Wait:
    pace, looks, now = work.bench.pace, work.ingest.looks, work.bench.clock()
    seconds = min(pace.extra_seconds * 2**looks, 6 * pace.max_seconds)
    until = now + timedelta(seconds=seconds)
    if looks + 2 >= _MOST_LOOKS:
        until = max(until, _final_at(work, extra))
    error = next((each for each in missing if isinstance(each, PartialList)), None)
    if error is None:
        return Wait(until, Reason.STILL_PROCESSING, looked=True)
    return Wait(until, Reason.RETRYING, looked=True, error_code=error.code, error=str(error))


def _is_last(work: Work, extra: Extra) -> bool:
    is_final = work.bench.clock() >= _final_at(work, extra)
    return is_final and work.ingest.looks + 1 >= _MOST_LOOKS


def _final_at(work: Work, extra: Extra) -> datetime:
    end, opened_at = work.meeting.end_at, work.ingest.opened_at
    # An end that lies ahead is a mistake, and there may be none.
    ended_at = end if end is not None and end <= work.bench.clock() else opened_at
    return ended_at + extra.final_after


def _unanswered(found: Answers, *, fewest: int) -> bool:
    """Whether a poll was held of which not all answers are there, and nobody refused them.

    ``fewest`` are expected of a poll of which Webex tells no more.
    """
    results = found.get(Kind.POLL_RESULTS)
    if results is None or results.missing:
        return False
    told = {str(each.get("id")): each for each in results.items}
    held = [told.get(str(poll.get("id"))) for poll in found[Kind.POLLS].items]
    return any(each is None or _people_in(each) < max(fewest, _total_of(each)) for each in held)


def _people_in(poll: dict[str, Any]) -> int:
    """How many answered a poll, each counted once; a question may be left out."""
    lists = [each.get("respondents") for each in api.dicts(poll.get("questions"))]
    answers = [api.dicts(each.get("items")) for each in lists if isinstance(each, dict)]
    people = {str(each.get("email") or each.get("displayName") or "") for each in chain(*answers)}
    # Not everybody need have a name.
    return max(len(people - {""}), *map(len, answers), 0)


def _total_of(poll: dict[str, Any]) -> int:
    total = str(poll.get("totalRespondents"))[:9]
    return int(total) if total.isdecimal() else 0


def _of(find: Callable[..., Found]) -> Callable[[Work], Found]:
    return lambda work: find(work.webex, work.meeting.meeting_id)


def _summaries(work: Work) -> Found:
    is_officer = work.role == Role.COMPLIANCE
    return api.summaries(work.webex, work.meeting.meeting_id, as_officer=is_officer)


def _invitees(work: Work) -> Found:
    return api.invitees(work.webex, work.meeting.meeting_id, host_email=work.host_email)


def _attendees(work: Work) -> Found:
    meeting = work.meeting
    if meeting.site_url is None or meeting.start_at is None or meeting.end_at is None:
        return Found()
    return api.attendees(
        work.webex,
        meeting.meeting_id,
        site_url=meeting.site_url,
        start=meeting.start_at,
        end=meeting.end_at,
        now=work.bench.clock(),
    )


EXTRAS: dict[Resource, Extra] = {
    Resource.INVITEES: Extra([(Kind.INVITEES, "invitees.json", _invitees)]),
    Resource.SUMMARIES: Extra([(Kind.SUMMARY, "summary.json", _summaries)]),
    Resource.CHATS: Extra(
        [(Kind.CHATS, "chats.json", _of(api.chats))], lambda listed: listed.has_chat
    ),
    Resource.POLLS: Extra(
        [
            (Kind.POLLS, "polls.json", _of(api.polls)),
            (Kind.POLL_RESULTS, "poll_results.json", _of(api.poll_results)),
        ],
        lambda listed: listed.has_polls,
        awaits=partial(_unanswered, fewest=1),
        lacks=partial(_unanswered, fewest=0),
    ),
    Resource.QUESTIONS: Extra(
        [(Kind.QANDA, "qanda.json", _of(api.questions))], lambda listed: listed.has_qa
    ),
    Resource.CAPTIONS: Extra(
        [(Kind.CAPTIONS, "captions.json", _of(api.closed_captions))],
        lambda listed: listed.has_closed_caption,
    ),
    Resource.ATTENDEES: Extra(
        [(Kind.ATTENDEES, "attendees.json", _attendees)], final_after=_REPORT_FINAL
    ),
}
