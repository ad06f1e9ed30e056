"""What Webex lists of a span of time, of all meetings of an account together."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from app.errors import PartialList
from app.models.times import format_time
from app.models.webex import MeetingDetails, Recording, Transcript, is_instance
from app.webex.client import WebexClient
from app.webex.resources import gather

Listed = MeetingDetails | Recording | Transcript
ListSpan = Callable[[dict[str, str]], list[Listed]]

MOST_LISTED = 10_000
"""Webex lists no more meetings than these, even over several pages (description of the API)."""

_SHORTEST = timedelta(minutes=15)


def past_meetings(client: WebexClient, site_url: str) -> ListSpan:
    """The meetings that have ended; administrators see those of their organization."""
    which = {"meetingType": "meeting", "state": "ended", **_at(site_url)}

    def listed(span: dict[str, str]) -> list[Listed]:
        pages = client.pages("/meetings", {**which, **span})
        try:
            found = gather(MeetingDetails, [pages])
        except PartialList as error:
            error.items = [each for each in error.items if is_instance(each.id)]
            raise
        # An occurrence can have ended as well.
        return [each for each in found if is_instance(each.id)]

    return listed


def past_recordings(client: WebexClient, site_url: str, *, of_everybody: bool) -> ListSpan:
    """The recordings of the account, or of a whole site for administrators and officers."""
    path = "/admin/recordings" if of_everybody else "/recordings"
    return lambda span: [*gather(Recording, [client.pages(path, {**_at(site_url), **span})])]


def past_transcripts(client: WebexClient, site_url: str, *, of_everybody: bool) -> ListSpan:
    """The transcripts of the account at a site, or of everybody there for officers."""
    path = "/admin/meetingTranscripts" if of_everybody else "/meetingTranscripts"
    return lambda span: [*gather(Transcript, [client.pages(path, {**_at(site_url), **span})])]


def pieces(
    since: datetime, until: datetime, *, days: int = 7
) -> Iterator[tuple[datetime, datetime]]:
    """A span of time in pieces: those of a week are few requests and not much to ask again."""
    while since < until:
        end = min(since + timedelta(days=days), until)
        yield since, end
        since = end


def listed_between(find: ListSpan, since: datetime, until: datetime) -> Iterator[list[Listed]]:
    """All that a list has of a span of time, in halves where it is as long as a list can be.

    Raises PartialList at the end, with nothing of what was handed out, where Webex could not read
    some.
    """
    unread: PartialList | None = None
    spans = [(since, until)]
    while spans:
        begin, end = spans.pop()
        try:
            found = find({"from": format_time(begin), "to": format_time(end)})
        except PartialList as error:
            found, unread = error.items, error
        if len(found) >= MOST_LISTED and end - begin > _SHORTEST:
            middle = begin + (end - begin) / 2
            spans += [(middle, end), (begin, middle)]
        else:
            yield found
    if unread is not None:
        unread.items = []
        raise unread


def _at(site_url: str) -> dict[str, Any]:
    return {"siteUrl": site_url} if site_url else {}
