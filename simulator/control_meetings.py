"""Control calls about meetings and their files."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simulator.clock import milliseconds_text
from simulator.holding import (
    RecordingOrder,
    TranscriptOrder,
    check_size,
    hold_meeting,
    read_meeting_order,
    record,
    transcribe,
)
from simulator.model import Meeting, Recording
from simulator.parts import Control, UnknownIdError, read_body
from simulator.truth import files_of, other_files_of, truth_of
from simulator.world import World


class ReplaceOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bytes: int | None = Field(default=None, ge=1)


def list_meetings(control: Control) -> dict[str, Any]:
    return {"items": [_ids(meeting) for meeting in control.world.meetings.values()]}


def create_meeting(control: Control) -> dict[str, Any]:
    order = read_meeting_order(read_body(), control.world)
    meeting = hold_meeting(order, control.world)
    for ordered, recording in zip(order.recordings, meeting.recordings, strict=True):
        control.ledger.arrange(ordered.faults, recording.id)
    control.happenings.of_meeting(meeting)
    return _ids(meeting)


def add_recording(control: Control, meeting_id: str) -> dict[str, Any]:
    order = RecordingOrder.model_validate(read_body())
    world = control.world
    ready_at = world.now() + timedelta(seconds=order.delay_seconds or 0)
    recording = record(order, _meeting(world, meeting_id), world, ready_at=ready_at)
    control.ledger.arrange(order.faults, recording.id)
    delay = order.webhook_delay_seconds
    told_at = ready_at if delay is None else world.now() + timedelta(seconds=delay)
    control.happenings.of_recording(recording, told_at)
    return {"recording_id": recording.id}


def add_transcript(control: Control, meeting_id: str) -> dict[str, Any]:
    order = TranscriptOrder.model_validate(read_body())
    world = control.world
    ready_at = world.now() + timedelta(seconds=order.delay_seconds or 0)
    transcript = transcribe(order, _meeting(world, meeting_id), world, ready_at=ready_at)
    delay = order.webhook_delay_seconds
    told_at = ready_at if delay is None else world.now() + timedelta(seconds=delay)
    control.happenings.of_transcript(transcript, told_at)
    return {"transcript_id": transcript.id}


def replace_recording(control: Control, recording_id: str) -> dict[str, Any]:
    """Put other media behind the recording's links for good; without a size, of the same size."""
    recording = _recording(control.world, recording_id)
    wanted_bytes = ReplaceOrder.model_validate(read_body()).bytes or recording.video_bytes
    check_size(recording.format, wanted_bytes)
    recording.replace_media(wanted_bytes)
    return {"recording_id": recording_id, "bytes": wanted_bytes}


def delete_recording(control: Control, recording_id: str) -> dict[str, Any]:
    """Delete for good, which is the only deletion that Webex announces."""
    recording = _recording(control.world, recording_id)
    recording.deleted = True
    control.happenings.of_recording(recording, control.world.now(), "deleted")
    return {"recording_id": recording_id}


def delete_transcript(control: Control, transcript_id: str) -> dict[str, Any]:
    transcript = control.world.transcripts.get(transcript_id)
    if transcript is None:
        raise UnknownIdError(f"There is no transcript {transcript_id}.")
    transcript.deleted = True
    return {"transcript_id": transcript_id}


def get_truth(control: Control, meeting_id: str) -> dict[str, Any]:
    """Call without the lock: the checksums of large files take a while."""
    with control.world.lock:
        meeting = _meeting(control.world, meeting_id)
        truth = truth_of(meeting, control.world)
        files, others = files_of(meeting), other_files_of(meeting)
    return truth | {
        "files": [file.shape() for file in files],
        "other_files": [file.shape() for file in others],
    }


def _meeting(world: World, meeting_id: str) -> Meeting:
    meeting = world.meetings.get(meeting_id)
    if meeting is None:
        raise UnknownIdError(f"There is no meeting {meeting_id}.")
    return meeting


def _recording(world: World, recording_id: str) -> Recording:
    recording = world.recordings.get(recording_id)
    if recording is None:
        raise UnknownIdError(f"There is no recording {recording_id}.")
    return recording


def _ids(meeting: Meeting) -> dict[str, Any]:
    return {
        "meeting_id": meeting.id,
        "series_id": meeting.series_id,
        "scheduled_id": meeting.scheduled_id,
        "recording_ids": [recording.id for recording in meeting.recordings],
        "transcript_ids": [transcript.id for transcript in meeting.transcripts],
        "title": meeting.title,
        "start": milliseconds_text(meeting.start),
        "end": milliseconds_text(meeting.end),
    }
