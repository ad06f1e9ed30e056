"""What a perfect ingester would have stored of a meeting: the yardstick for tests."""

import hashlib
from typing import Any

from simulator import captions
from simulator.clock import milliseconds_text
from simulator.content import Content
from simulator.model import Meeting, Recording, Transcript, after
from simulator.world import World


def truth_of(meeting: Meeting, world: World) -> dict[str, Any]:
    """Describe every file with its size and checksum, the people, and when all that is ready."""
    recordings = [item for item in meeting.recordings if not item.deleted]
    transcripts = [item for item in meeting.transcripts if not item.deleted]
    return {
        "meeting_id": meeting.id,
        "series_id": meeting.series_id,
        "title": meeting.title,
        "files": [
            *(each for recording in recordings for each in _recording_files(recording)),
            *(each for transcript in transcripts for each in _transcript_files(transcript)),
        ],
        "participants": _participants(meeting),
        "snippets": {item.id: len(item.lines) for item in transcripts},
        "ready": _ready_times(meeting),
        "now": milliseconds_text(world.now()),
    }


def _recording_files(recording: Recording) -> list[dict[str, Any]]:
    if recording.prevent_download or recording.ready_at is None:
        return []
    files = [_file("recordings", recording.id, "video", recording.video())]
    if recording.has_audio:
        files.append(_file("recordings", recording.id, "audio", recording.audio()))
    return files


def _transcript_files(transcript: Transcript) -> list[dict[str, Any]]:
    if transcript.ready_at is None:
        return []
    texts = {"vtt": captions.vtt(transcript.lines), "txt": captions.txt(transcript.lines)}
    return [
        {
            "resource": "meetingTranscripts",
            "resource_id": transcript.id,
            "kind": kind,
            "bytes": len(text),
            "sha256": hashlib.sha256(text).hexdigest(),
        }
        for kind, text in texts.items()
    ]


def _file(resource: str, resource_id: str, kind: str, content: Content) -> dict[str, Any]:
    return {
        "resource": resource,
        "resource_id": resource_id,
        "kind": kind,
        "bytes": content.length,
        "sha256": content.sha256(),
    }


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
