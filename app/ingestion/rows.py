"""What Webex sent, in the columns of our rows: as it comes, and as it lies in the archive."""

from collections.abc import Iterable
from typing import Any

from app.models.webex import MeetingDetails, MeetingParticipant, TranscriptSnippet


def meeting_columns(details: MeetingDetails) -> dict[str, Any]:
    """What the details say that holds whether the meeting goes on or has ended."""
    return {
        "meeting_series_id": details.meeting_series_id,
        "scheduled_meeting_id": details.scheduled_meeting_id,
        "title": details.title,
        "site_url": details.site_url,
        "host_email": details.host_email,
        "start_at": details.start,
    }


def participant_columns(people: Iterable[MeetingParticipant]) -> list[dict[str, Any]]:
    """One row for each person, in the order of Webex's list."""
    rows = {
        each.id: {
            "participant_id": each.id,
            "email": each.email,
            "display_name": each.display_name,
            "host": each.host,
            "co_host": each.co_host,
            "joined_at": each.joined_time,
            "left_at": each.left_time,
        }
        for each in people
    }
    return [*rows.values()]


def snippet_columns(snippets: Iterable[TranscriptSnippet]) -> list[dict[str, Any]]:
    """One row for each thing that was said."""
    return [
        {
            "snippet_id": each.id,
            "offset_milliseconds": each.offset_milliseconds,
            "duration_milliseconds": each.duration_milliseconds,
            "person_name": each.person_name,
            "person_email": each.person_email,
            "text": each.text,
        }
        for each in snippets
    ]
