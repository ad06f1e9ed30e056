"""The resources of a meeting, as functions: what to ask for, and what Webex answers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from app.models.times import format_time
from app.models.webex import (
    MeetingDetails,
    MeetingParticipant,
    Person,
    Recording,
    Transcript,
    TranscriptSnippet,
)
from app.webex.client import WebexClient

_BEFORE = timedelta(days=1)
_LONGEST_WINDOW = timedelta(days=30)


def meeting(client: WebexClient, meeting_id: str) -> MeetingDetails:
    """The details of a meeting; NotFound until about fifteen minutes after its end."""
    return MeetingDetails.read(client.get(f"/meetings/{quote(meeting_id, safe='')}"))


def instances(
    client: WebexClient, series_id: str, *, since: datetime, now: datetime
) -> list[MeetingDetails]:
    """The ended instances of a meeting series."""
    wanted = {"meetingSeriesId": series_id, "meetingType": "meeting", "state": "ended"}
    return [
        MeetingDetails.read(item)
        for window in _windows(since, now)
        for item in client.pages("/meetings", {**wanted, **window})
    ]


def participants(client: WebexClient, meeting_id: str) -> list[MeetingParticipant]:
    """Everybody who was in a meeting instance."""
    items = client.pages("/meetingParticipants", {"meetingId": meeting_id})
    return [MeetingParticipant.read(item) for item in items]


def recordings(
    client: WebexClient, meeting_id: str, *, since: datetime, now: datetime
) -> list[Recording]:
    """All recordings of a meeting instance.

    Without ``from`` and ``to`` Webex looks at the last seven days only, and does not say
    that a meetingId changes this; so both are always sent, in windows of thirty days.
    """
    found = {
        each.id: each
        for window in _windows(since, now)
        for each in map(
            Recording.read, client.pages("/recordings", {"meetingId": meeting_id, **window})
        )
    }
    return list(found.values())


def recording(client: WebexClient, recording_id: str) -> Recording:
    """One recording, with links that live three hours from now."""
    return Recording.read(client.get(f"/recordings/{quote(recording_id, safe='')}"))


def transcripts(
    client: WebexClient, meeting_id: str | None, *, since: datetime, now: datetime
) -> list[Transcript]:
    """All transcripts of a meeting instance, or of the account when ``meeting_id`` is None."""
    which = {"meetingId": meeting_id} if meeting_id else {}
    found = {
        each.id: each
        for window in _windows(since, now)
        for each in map(Transcript.read, client.pages("/meetingTranscripts", {**which, **window}))
    }
    return list(found.values())


def transcript_text(
    client: WebexClient, transcript_id: str, meeting_id: str, text_format: str
) -> bytes:
    """A transcript as ``vtt`` or ``txt``, byte for byte.

    The address is built from the id: the links in Webex's list are documented with another
    host than they have, and the token must not go anywhere else.
    """
    return client.get_text(
        f"/meetingTranscripts/{quote(transcript_id, safe='')}/download",
        {"meetingId": meeting_id, "format": text_format},
    )


def snippets(client: WebexClient, transcript_id: str) -> list[TranscriptSnippet]:
    """What was said in a transcript, in order."""
    items = client.pages(f"/meetingTranscripts/{quote(transcript_id, safe='')}/snippets", {})
    return [TranscriptSnippet.read(item) for item in items]


def me(client: WebexClient) -> Person:
    """Whose token it is."""
    return Person.read(client.get("/people/me"))


def _windows(since: datetime, now: datetime) -> Iterator[dict[str, str]]:
    start, end = since - _BEFORE, now + _BEFORE
    while start < end:
        stop = min(start + _LONGEST_WINDOW, end)
        yield {"from": format_time(start), "to": format_time(stop)}
        start = stop
