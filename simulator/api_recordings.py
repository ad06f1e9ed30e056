"""/v1/recordings: the list with its seven-day trap, and details with fresh download links."""

from typing import Any

from flask import Response, request

from simulator.answers import (
    FORBIDDEN,
    ApiError,
    Route,
    caller,
    is_within,
    json_answer,
    list_answer,
    month_window,
    not_found,
    time_window,
    visible_host,
)
from simulator.model import Recording
from simulator.shapes import recording_shape
from simulator.world import World

_STATUSES = ("available", "deleted", "purged")


def list_recordings(world: World) -> Response:
    status = request.args.get("status", "available")
    if status not in _STATUSES:
        raise ApiError(400, f"'{status}' is not a status of a recording.")
    host = visible_host(world, request.args.get("hostEmail"))
    window = time_window(world.now())
    found = [
        recording
        for recording in _candidates(world)
        if recording.is_ready(world.now())
        and recording.deleted == (status == "deleted")
        and host in (None, world.meeting_of(recording).host_email)
        and recording.ready_at is not None
        and is_within(recording.ready_at, window)
        and _is_wanted(recording, world)
    ]
    if status == "purged":
        found = []
    found.sort(key=lambda recording: recording.ready_at or world.now(), reverse=True)
    return list_answer([recording_shape(item, world) for item in found], world.settings)


def list_all_recordings(world: World) -> Response:
    """List what anybody has recorded, for administrators; windows of thirty days at most."""
    if caller().role == "user":
        raise ApiError(403, FORBIDDEN)
    site = request.args.get("siteUrl", world.settings.site_urls[0])
    window = month_window(world.now())
    by_meeting = "meetingId" in request.args
    found = [
        recording
        for recording in _candidates(world)
        if recording.is_ready(world.now())
        and not recording.deleted
        and recording.ready_at is not None
        and (by_meeting or is_within(recording.ready_at, window))
        and world.meeting_of(recording).site_url == site
    ]
    found.sort(key=lambda recording: recording.ready_at or world.now(), reverse=True)
    shapes = [_for_administrators(recording, world) for recording in found]
    return list_answer(shapes, world.settings)


def get_recording(world: World, recording_id: str) -> Response:
    host = visible_host(world, request.args.get("hostEmail"))
    recording = world.recordings.get(recording_id)
    if recording is None or recording.deleted or not recording.is_ready(world.now()):
        raise not_found()
    if host not in (None, world.meeting_of(recording).host_email):
        raise not_found()
    return json_answer(recording_shape(recording, world, links_at=world.media_url))


ROUTES: list[Route] = [
    ("GET", "/admin/recordings", list_all_recordings),
    ("GET", "/recordings", list_recordings),
    ("GET", "/recordings/<recording_id>", get_recording),
]


def _for_administrators(recording: Recording, world: World) -> dict[str, Any]:
    shape = recording_shape(recording, world)
    meeting = world.meeting_of(recording)
    told = {key: value for key, value in shape.items() if key not in ("password", "shareToMe")}
    return told | {"hostEmail": meeting.host_email, "hostDisplayName": meeting.host_name}


def _candidates(world: World) -> list[Recording]:
    meeting_id = request.args.get("meetingId")
    if meeting_id is None:
        return list(world.recordings.values())
    return [item for meeting in world.meetings_of(meeting_id) for item in meeting.recordings]


def _is_wanted(recording: Recording, world: World) -> bool:
    topic = request.args.get("topic")
    if topic is not None and topic.lower() not in recording.topic.lower():
        return False
    if request.args.get("format") not in (None, recording.format):
        return False
    if request.args.get("serviceType") not in (None, "MeetingCenter"):
        return False
    if "meetingId" in request.args:
        return True
    return request.args.get("siteUrl") in (None, world.meeting_of(recording).site_url)
