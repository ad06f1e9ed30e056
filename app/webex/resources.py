"""The resources of a meeting, as functions: what to ask for, and what Webex answers."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.errors import AnswerUnreadable, Forbidden, NotFound, PartialList
from app.models.times import format_time
from app.models.webex import (
    MeetingDetails,
    MeetingParticipant,
    Person,
    Recording,
    SiteList,
    Transcript,
    TranscriptSnippet,
    WebexModel,
    is_instance,
)
from app.webex.addresses import part
from app.webex.client import WebexClient

Model = TypeVar("Model", bound=WebexModel)

_BEFORE = timedelta(days=1)
_LONGEST_WINDOW = timedelta(days=30)
# Sites keep recordings for a year unless they are told otherwise.
_LONGEST_AGO = timedelta(days=3 * 366)


def meeting(
    client: WebexClient, meeting_id: str, *, host_email: str | None = None
) -> MeetingDetails:
    """The details of a meeting; NotFound until about fifteen minutes after its end."""
    path = f"/meetings/{part(meeting_id)}"
    return MeetingDetails.read(client.get(path, host(host_email)))


def instances(
    client: WebexClient, series_id: str, *, since: datetime, now: datetime
) -> list[MeetingDetails]:
    """The ended instances of a meeting series; its occurrences can be ``ended`` as well."""
    wanted = {"meetingSeriesId": series_id, "meetingType": "meeting", "state": "ended"}
    lists = [client.pages("/meetings", {**wanted, **each}) for each in _windows(since, now)]
    return [each for each in gather(MeetingDetails, lists) if is_instance(each.id)]


def participants(
    client: WebexClient, meeting_id: str, *, host_email: str | None = None
) -> list[MeetingParticipant]:
    """Everybody who was in a meeting instance."""
    pages = client.pages("/meetingParticipants", {"meetingId": meeting_id, **host(host_email)})
    return gather(MeetingParticipant, [pages])


def recordings(
    client: WebexClient,
    meeting_id: str,
    *,
    since: datetime,
    now: datetime,
    host_email: str | None = None,
    site_url: str | None = None,
) -> list[Recording]:
    """All recordings of a meeting instance; with a host, as an administrator.

    Without ``from`` and ``to`` Webex looks at the last seven days only, and does not say
    that a meetingId changes this; so both are always sent, in windows of thirty days.
    ``/admin/recordings`` says that it does change it, takes no host, and looks at the site that
    its caller prefers unless it is told another one.
    """
    path = "/admin/recordings" if host_email else "/recordings"
    which = {"meetingId": meeting_id, **(_at(site_url) if host_email else {})}
    spans = _windows(since, now)
    return gather(Recording, [client.pages(path, {**which, **each}) for each in spans])


def recording(
    client: WebexClient, recording_id: str, *, host_email: str | None = None
) -> Recording:
    """One recording, with links that live three hours from now.

    There is none below ``/admin``: administrators name the host here.
    """
    path = f"/recordings/{part(recording_id)}"
    return Recording.read(client.get(path, host(host_email)))


def transcripts(
    client: WebexClient,
    meeting_id: str | None,
    *,
    since: datetime,
    now: datetime,
    host_email: str | None = None,
    site_url: str | None = None,
) -> list[Transcript]:
    """All transcripts of a meeting instance, or of the account when ``meeting_id`` is None.

    Without a site Webex looks at the one that the account prefers, and at no other.
    """
    which = {"meetingId": meeting_id, **host(host_email)} if meeting_id else {}
    which |= _at(site_url)
    spans = _windows(since, now)
    return gather(
        Transcript, [client.pages("/meetingTranscripts", {**which, **each}) for each in spans]
    )


def transcript_text(
    client: WebexClient,
    transcript_id: str,
    meeting_id: str,
    text_format: str,
    *,
    host_email: str | None = None,
) -> bytes:
    """A transcript as ``vtt`` or ``txt``, byte for byte.

    The address is built from the id: the links in Webex's list are documented with another
    host than they have, and the token must not go anywhere else.
    """
    return client.get_text(
        f"/meetingTranscripts/{part(transcript_id)}/download",
        {"meetingId": meeting_id, "format": text_format, **host(host_email)},
    )


def snippets(client: WebexClient, transcript_id: str) -> list[TranscriptSnippet]:
    """What was said in a transcript, in order."""
    path = f"/meetingTranscripts/{part(transcript_id)}/snippets"
    return gather(TranscriptSnippet, [client.pages(path, {})])


def me(client: WebexClient) -> Person:
    """Whose token it is."""
    return Person.read(client.get("/people/me"))


def sites(client: WebexClient) -> list[str]:
    """The addresses of the account's Webex sites, the preferred one first."""
    answer = SiteList.read(client.get("/meetingPreferences/sites"))
    known = sorted(answer.sites, key=lambda each: not each.default)
    return [each.site_url for each in known if each.site_url]


def readable_sites(client: WebexClient) -> Sequence[str | None]:
    """The sites of the account; None, which is the preferred one, where it may not list them.

    It takes the scope ``meeting:preferences_read``.
    """
    try:
        return sites(client) or [None]
    except (Forbidden, NotFound):
        return [None]


def host(host_email: str | None) -> dict[str, str]:
    """How a request names whose meeting it is about, where that is to be told."""
    return {"hostEmail": host_email} if host_email else {}


def _at(site_url: str | None) -> dict[str, str]:
    return {"siteUrl": site_url} if site_url else {}


def gather(model: type[Model], lists: Iterable[Iterator[dict[str, Any]]]) -> list[Model]:
    """The items of several lists, each once; PartialList brings those that could be read."""
    found: dict[str, Model] = {}
    partial: PartialList | None = None
    for each in lists:
        try:
            for name, item in _readable(model, each):
                found[name] = item
        except PartialList as error:
            partial = error
    if partial is not None:
        partial.items = list(found.values())
        raise partial
    return list(found.values())


def _readable(model: type[Model], items: Iterable[dict[str, Any]]) -> Iterator[tuple[str, Model]]:
    """Items by their ids; one that is not as the API describes it hides no other."""
    odd: AnswerUnreadable | None = None
    for item in items:
        try:
            read = model.read(item)
        except AnswerUnreadable as error:
            odd = error
            continue
        yield str(item.get("id")), read
    if odd is not None:
        raise PartialList(f"not every item of a list can be read: {odd}")


def windows(start: datetime, end: datetime) -> Iterator[dict[str, str]]:
    """A span of time in pieces that Webex takes."""
    while start < end:
        stop = min(start + _LONGEST_WINDOW, end)
        yield {"from": format_time(start), "to": format_time(stop)}
        start = stop


def _windows(since: datetime, now: datetime) -> Iterator[dict[str, str]]:
    # A clock that is behind must not hide what took place by Webex's.
    return windows(max(since, now - _LONGEST_AGO) - _BEFORE, max(since, now) + _BEFORE)
