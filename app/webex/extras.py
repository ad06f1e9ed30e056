"""What else Webex keeps of an ended meeting, as it sends it: lists of JSON objects.

None of these is announced by a webhook (Webhooks guide), so each is asked for until it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.errors import IdUnusable, NotFound, PartialList, WebexError
from app.models.times import format_time
from app.webex.addresses import part
from app.webex.client import WebexClient

Item = dict[str, Any]
Items = list[Item]
Place = tuple[str | Item, ...]
"""An address: its words, and the items whose ids stand between them."""

_NO_PARAMS: Mapping[str, Any] = {}
# Webex does not know it here.
_NO_MAX = {"max": None}
_AROUND = timedelta(days=1)
# The hour is for clocks that differ.
_LONGEST_AGO = timedelta(days=90) - timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Found:
    """What Webex has of a list, and the errors that kept the rest of it from us.

    Those that may pass are not among them: they end the question, as everywhere.
    """

    items: Items = field(default_factory=list)
    missing: list[WebexError] = field(default_factory=list)


def summaries(client: WebexClient, meeting_id: str, *, as_officer: bool = False) -> Found:
    """The AI summary with its action items; ``notes.content`` is HTML.

    Compliance officers have a path of their own, which lists deleted ones too: those are left out.
    """
    path = "/admin/meetingSummaries" if as_officer else "/meetingSummaries"
    found = _list(client, meeting_id, (path,), _NO_MAX)
    return Found([each for each in found.items if each.get("status") != "deleted"], found.missing)


def invitees(client: WebexClient, meeting_id: str, *, host_email: str | None = None) -> Found:
    """Who was invited."""
    host = {"hostEmail": host_email} if host_email else {}
    return _list(client, meeting_id, ("/meetingInvitees",), host)


def chats(client: WebexClient, meeting_id: str) -> Found:
    """What was written in the chat; paged by ``offset``, with a Link or without one."""
    return _list(client, meeting_id, ("/meetings/postMeetingChats",), by_offset=True)


def polls(client: WebexClient, meeting_id: str) -> Found:
    """The polls that were held, with their questions."""
    return _list(client, meeting_id, ("/meetings/polls",), _NO_MAX)


def poll_results(client: WebexClient, meeting_id: str) -> Found:
    """What was answered in the polls, all respondents of every question included."""
    found = _list(client, meeting_id, ("/meetings/pollResults",))
    for poll in found.items:
        for question in dicts(poll.get("questions")):
            place = ("/meetings/polls", poll, "questions", question, "respondents")
            # Webex's Basics say `offset`, the description of this list does not.
            _complete(client, meeting_id, found, question, "respondents", place, by_offset=True)
    return found


def questions(client: WebexClient, meeting_id: str) -> Found:
    """What was asked in Q&A, all answers to every question included."""
    found = _list(client, meeting_id, ("/meetings/q_and_a",))
    for question in found.items:
        place = ("/meetings/q_and_a", question, "answers")
        _complete(client, meeting_id, found, question, "answers", place)
    return found


def closed_captions(client: WebexClient, meeting_id: str) -> Found:
    """The closed captions with their snippets; for compliance officers."""
    found = _list(client, meeting_id, ("/meetingClosedCaptions",), _NO_MAX)
    for each in found.items:
        snippets = _list(client, meeting_id, ("/meetingClosedCaptions", each, "snippets"), _NO_MAX)
        each["snippets"] = snippets.items
        found.missing.extend(snippets.missing)
        if not snippets.items and not snippets.missing:
            found.missing.append(NotFound("Webex has no snippets of its closed captions"))
    return found


def attendees(
    client: WebexClient,
    meeting_id: str,
    *,
    site_url: str,
    start: datetime,
    end: datetime,
    now: datetime,
) -> Found:
    """The report about who attended; Webex keeps it for ninety days, and looks no further back."""
    since = max(start - _AROUND, now - _LONGEST_AGO)
    which = {"siteUrl": site_url, "from": format_time(since), "to": format_time(end + _AROUND)}
    return _list(client, meeting_id, ("/meetingReports/attendees",), which)


def dicts(value: Any) -> Items:
    """The objects of a list, of whatever Webex sent in its place."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _list(
    client: WebexClient,
    meeting_id: str,
    place: Place,
    params: Mapping[str, Any] = _NO_PARAMS,
    *,
    by_offset: bool = False,
) -> Found:
    """All of a list that Webex lets us have.

    The address is built from the ids, so that the token goes nowhere else.
    """
    found, asked = Found(), {"meetingId": meeting_id, **params}
    try:
        path = "/".join(each if isinstance(each, str) else part(each.get("id")) for each in place)
        for item in client.pages(path, asked, by_offset=by_offset):
            found.items.append(item)
    except WebexError as error:
        if not _is_refusal(error):
            raise
        found.missing.append(error)
    return found


def _is_refusal(error: WebexError) -> bool:
    """Whether Webex answers so now, and it is no fault of the moment; 404 may still change."""
    if isinstance(error, PartialList | IdUnusable):
        return True
    return not error.retryable and error.status is not None and 400 <= error.status < 500


def _complete(
    client: WebexClient,
    meeting_id: str,
    found: Found,
    item: Item,
    name: str,
    place: Place,
    *,
    by_offset: bool = False,
) -> None:
    """Replace a list inside an item by all of it, where the item shows only its beginning."""
    shown = item.get(name)
    if not isinstance(shown, dict):
        return
    links = shown.get("links")
    if isinstance(links, dict) and links.get("next"):
        whole = _list(client, meeting_id, place, by_offset=by_offset)
        found.missing.extend(whole.missing)
        if len(whole.items) >= len(dicts(shown.get("items"))):
            shown["items"] = whole.items
        elif not whole.missing:
            found.missing.append(NotFound("Webex lists less of it than it has shown"))
    # They lead to more of what is here, and expire.
    shown.pop("links", None)
