"""What a perfect ingester would have stored of a meeting: the yardstick for tests."""

from dataclasses import dataclass
from typing import Any

from simulator.clock import milliseconds_text
from simulator.content import Content, Literal
from simulator.model import Meeting, Recording, after
from simulator.world import World


@dataclass(frozen=True, slots=True)
class TrueFile:
    """One file that a perfect ingester stores."""

    resource: str
    resource_id: str
    kind: str
    content: Content

    def shape(self) -> dict[str, Any]:
        return {
            "resource": self.resource,
            "resource_id": self.resource_id,
            "kind": self.kind,
            "bytes": self.content.length,
            "sha256": self.content.sha256(),
        }


def truth_of(meeting: Meeting, world: World) -> dict[str, Any]:
    """Describe the people, the words, and when everything is ready."""
    transcripts = [item for item in meeting.transcripts if not item.deleted]
    return {
        "meeting_id": meeting.id,
        "series_id": meeting.series_id,
        "title": meeting.title,
        "participants": _participants(meeting),
        "snippets": {item.id: len(item.lines) for item in transcripts},
        "ready": _ready_times(meeting),
        "now": milliseconds_text(world.now()),
    }


def files_of(meeting: Meeting) -> list[TrueFile]:
    """Return every file that is or will be ready; making checksums of them takes time."""
    files = []
    for recording in meeting.recordings:
        if recording.deleted or recording.prevent_download or recording.ready_at is None:
            continue
        files += _media_files(recording)
    for transcript in meeting.transcripts:
        if transcript.deleted or transcript.ready_at is None:
            continue
        for kind, octets in (("vtt", transcript.vtt()), ("txt", transcript.txt())):
            content = Content((Literal(octets),))
            files.append(TrueFile("meetingTranscripts", transcript.id, kind, content))
    return files


def other_files_of(meeting: Meeting) -> list[TrueFile]:
    """Return what was behind a recording's links before, or took its place for one answer."""
    others = [other for recording in meeting.recordings for other in recording.others]
    return [file for other in others for file in _media_files(other)]


def _media_files(recording: Recording) -> list[TrueFile]:
    files = [TrueFile("recordings", recording.id, "video", recording.video())]
    if recording.has_audio:
        files.append(TrueFile("recordings", recording.id, "audio", recording.audio()))
    return files


def _participants(meeting: Meeting) -> list[dict[str, Any]]:
    return [
        {
            "id": person.id,
            "display_name": person.name,
            "email": person.email,
            "host": person.host,
            "joined_at": milliseconds_text(person.joined_at),
            "left_at": milliseconds_text(person.left_at),
        }
        for person in meeting.participants
    ]


def _ready_times(meeting: Meeting) -> dict[str, str | None]:
    """Return when each thing can be read; null stands for never."""
    moments = {
        "meetings": after(meeting.end, meeting.timeline.details),
        "meetingParticipants": after(meeting.end, meeting.timeline.participants_final),
        **{item.id: item.ready_at for item in meeting.recordings},
        **{item.id: item.ready_at for item in meeting.transcripts},
    }
    return {
        key: None if moment is None else milliseconds_text(moment)
        for key, moment in moments.items()
    }
