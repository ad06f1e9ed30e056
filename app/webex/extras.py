"""What else Webex keeps of an ended meeting, as it sends it: lists of JSON objects.

None of these is announced by a webhook (Webhooks guide), so each is asked for until it is there.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from app.errors import AnswerUnreadable
from app.models.times import format_time
from app.webex.client import PAGE_SIZE, WebexClient

Items = list[dict[str, Any]]

_MOST_PAGES = 1000
_AROUND = timedelta(days=1)
# The hour is for clocks that differ.
_LONGEST_AGO = timedelta(days=90) - timedelta(hours=1)


def summaries(client: WebexClient, meeting_id: str, *, as_officer: bool = False) -> Items:
    """The AI summary with its action items; ``notes.content`` is HTML.

    Compliance officers have a path of their own, which lists deleted ones too: those are left out.
    """
    path = "/admin/meetingSummaries" if as_officer else "/meetingSummaries"
    found = _items(client, path, meeting_id, max=None)
    return [each for each in found if each.get("status") != "deleted"]


def invitees(client: WebexClient, meeting_id: str, *, host_email: str | None = None) -> Items:
    """Who was invited."""
    host = {"hostEmail": host_email} if host_email else {}
    return _items(client, "/meetingInvitees", meeting_id, **host)


def chats(client: WebexClient, meeting_id: str) -> Items:
    """What was written in the chat; paged by ``offset``, whether or not there is a Link."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_MOST_PAGES):
        asked = {"meetingId": meeting_id, "max": PAGE_SIZE, "offset": len(found)}
        page = client.get("/meetings/postMeetingChats", asked).get("items")
        if not isinstance(page, list):
            raise AnswerUnreadable("Webex's list has no items")
        new = {str(each.get("id")): each for each in page if isinstance(each, dict)}
        # A server that ignores the offset sends the same again and again.
        if not new.keys() - found.keys():
            return list(found.values())
        found |= new
    raise AnswerUnreadable(f"Webex's list has more than {_MOST_PAGES} pages")


def polls(client: WebexClient, meeting_id: str) -> Items:
    """The polls that were held, with their questions."""
    return _items(client, "/meetings/polls", meeting_id, max=None)


def poll_results(client: WebexClient, meeting_id: str) -> Items:
    """What was answered in the polls, all respondents of every question included."""
    found = _items(client, "/meetings/pollResults", meeting_id)
    for poll in found:
        for question in _dicts(poll.get("questions")):
            place = (_part(poll), "questions", _part(question), "respondents")
            _complete(client, question, "respondents", "/meetings/polls", place, meeting_id)
    return found


def questions(client: WebexClient, meeting_id: str) -> Items:
    """What was asked in Q&A, all answers to every question included."""
    found = _items(client, "/meetings/q_and_a", meeting_id)
    for question in found:
        place = (_part(question), "answers")
        _complete(client, question, "answers", "/meetings/q_and_a", place, meeting_id)
    return found


def closed_captions(client: WebexClient, meeting_id: str) -> Items:
    """The closed captions with their snippets; for compliance officers."""
    found = _items(client, "/meetingClosedCaptions", meeting_id, max=None)
    for each in found:
        path = f"/meetingClosedCaptions/{_part(each)}/snippets"
        each["snippets"] = _items(client, path, meeting_id, max=None)
    return found


def attendees(
    client: WebexClient,
    meeting_id: str,
    *,
    site_url: str,
    start: datetime,
    end: datetime,
    now: datetime,
) -> Items:
    """The report about who attended; Webex keeps it for ninety days, and looks no further back."""
    since = max(start - _AROUND, now - _LONGEST_AGO)
    window = {"from": format_time(since), "to": format_time(end + _AROUND)}
    return _items(client, "/meetingReports/attendees", meeting_id, siteUrl=site_url, **window)


def _items(client: WebexClient, path: str, meeting_id: str, **params: str | None) -> Items:
    return list(client.pages(path, {"meetingId": meeting_id, **params}))


def _complete(
    client: WebexClient,
    item: dict[str, Any],
    name: str,
    path: str,
    place: tuple[str, ...],
    meeting_id: str,
) -> None:
    """Replace a list inside an item by all of it, where the item shows only its beginning.

    The address is built from the ids, so that the token goes nowhere else.
    """
    shown = item.get(name)
    if not isinstance(shown, dict):
        return
    links = shown.get("links")
    if isinstance(links, dict) and links.get("next"):
        shown["items"] = _items(client, "/".join((path, *place)), meeting_id)
    # They lead to more of what is here, and expire.
    shown.pop("links", None)


def _dicts(value: Any) -> Items:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _part(item: dict[str, Any]) -> str:
    return quote(str(item.get("id")), safe="")
