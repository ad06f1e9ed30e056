"""The other resources of a meeting: each asked for gently, and never holding the meeting back."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.errors import Forbidden, NotFound, WebexError
from app.ingestion.items import Flag, listed_without
from app.ingestion.retry import no_permission
from app.ingestion.storing import store_bytes, store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Absent, Done, Outcome, Wait
from app.models.words import Kind, Reason, Resource, Role
from app.webex import extras as api
from app.webex.extras import Items

_MOST_LOOKS = 6
_NEVER_FLAGGED: Flag = lambda _listed: None  # noqa: E731 -- one of several of its kind


@dataclass(frozen=True, slots=True)
class Extra:
    """One other resource: its files, how they are found, and what Webex's list says of it."""

    files: Sequence[tuple[Kind, str, Callable[[Work], Items]]]
    flag: Flag = _NEVER_FLAGGED


def ingest_extra(work: Work) -> Outcome:
    """Fetch and store one other resource; absent when it has not appeared after six looks."""
    extra = EXTRAS[Resource(work.ingest.resource)]
    try:
        found = {kind: (path, find(work)) for kind, path, find in extra.files}
    except NotFound:
        return _nothing_yet(work, extra.flag)
    except Forbidden:
        return no_permission(work.ingest.resource)
    except WebexError as error:
        if error.retryable or error.status is None or not 400 <= error.status < 500:
            raise
        # Not of this site or this kind of meeting; there is nothing that anybody could mend.
        return Absent(Reason.NOT_AVAILABLE)
    if not any(items for _, items in found.values()):
        return _nothing_yet(work, extra.flag)
    for kind, (path, items) in found.items():
        if items:
            store_json(work, kind, path, {"items": items})
    if Kind.SUMMARY in found:
        text = summary_text(found[Kind.SUMMARY][1])
        store_bytes(work, Kind.SUMMARY_TEXT, "summary.txt", text.encode())
    return Done()


def summary_text(summaries: Items) -> str:
    """The summary and its action items as plain text, one paragraph or item a line."""
    lines: list[str] = []
    for each in summaries:
        notes = each.get("notes")
        lines += _lines(notes.get("content") if isinstance(notes, dict) else None)
        items = each.get("actionItems")
        wanted = [item.get("content") for item in items or [] if isinstance(item, dict)]
        actions = [line for content in wanted for line in _lines(content)]
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


def _nothing_yet(work: Work, flag: Flag) -> Outcome:
    pace, looks = work.bench.pace, work.ingest.looks
    if looks + 1 >= _MOST_LOOKS or listed_without(work, flag):
        return Absent(Reason.NOT_AVAILABLE)
    seconds = min(pace.extra_seconds * 2**looks, 6 * pace.max_seconds)
    until = work.bench.clock() + timedelta(seconds=seconds)
    return Wait(until, Reason.STILL_PROCESSING, looked=True)


def _of(find: Callable[..., Items]) -> Callable[[Work], Items]:
    return lambda work: find(work.webex, work.meeting.meeting_id)


def _summaries(work: Work) -> Items:
    is_officer = work.role == Role.COMPLIANCE
    return api.summaries(work.webex, work.meeting.meeting_id, as_officer=is_officer)


def _invitees(work: Work) -> Items:
    return api.invitees(work.webex, work.meeting.meeting_id, host_email=work.host_email)


def _attendees(work: Work) -> Items:
    meeting = work.meeting
    if meeting.site_url is None or meeting.start_at is None or meeting.end_at is None:
        return []
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
    ),
    Resource.QUESTIONS: Extra(
        [(Kind.QANDA, "qanda.json", _of(api.questions))], lambda listed: listed.has_qa
    ),
    Resource.CAPTIONS: Extra(
        [(Kind.CAPTIONS, "captions.json", _of(api.closed_captions))],
        lambda listed: listed.has_closed_caption,
    ),
    Resource.ATTENDEES: Extra([(Kind.ATTENDEES, "attendees.json", _attendees)]),
}
