"""/v1/meetings and /v1/meetingParticipants."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response, request

from simulator.answers import (
    PLAIN_JSON,
    ApiError,
    Route,
    flag,
    is_within,
    json_answer,
    list_answer,
    not_found,
    time_window,
    told_json,
    visible_host,
)
from simulator.events import Happenings
from simulator.model import Meeting
from simulator.shapes import (
    Shape,
    content_flags,
    instance_shape,
    participant_shape,
    scheduled_shape,
)
from simulator.world import World

_KINDS = ("meetingSeries", "scheduledMeeting", "meeting")
Window = tuple[datetime, datetime]
_STATES = ["active", "scheduled", "ready", "lobby", "inProgress", "ended", "missed", "expired"]
_FLAGS = [
    "hasChat",
    "hasRecording",
    "hasTranscription",
    "hasSummary",
    "hasClosedCaption",
    "hasPolls",
    "hasQA",
    "hasSlido",
]
_PATCH_TYPE = "application/json-patch+json"
_REQUIRED = {"title", "password", "start", "end"}
# What a schedule lets its host change, with the type of each.
_CHANGEABLE: dict[str, type] = {
    "title": str,
    "agenda": str,
    "enabledAutoRecordMeeting": bool,
    "allowAnyUserToBeCoHost": bool,
    "enabledJoinBeforeHost": bool,
    "enableConnectAudioBeforeHost": bool,
    "joinBeforeHostMinutes": int,
    "allowFirstUserToBeCoHost": bool,
    "allowAuthenticatedDevices": bool,
    "publicMeeting": bool,
    "excludePassword": bool,
}


def list_meetings(world: World) -> Response:
    kind, state, wanted_flags = _list_options()
    host = visible_host(world, request.args.get("hostEmail"), all_for_admin=kind == "meeting")
    windows = _windows(world.now())
    shapes = []
    for each in windows if kind is None else (kind,):
        for meeting in _candidates(world, host):
            shape = _listed(each, meeting, world, windows[each])
            if shape and _matches(shape, meeting, world, state, wanted_flags):
                shapes.append(shape)
    shapes = list({shape["id"]: shape for shape in shapes}.values())
    return list_answer(shapes, world.settings)


def get_meeting(world: World, meeting_id: str) -> Response:
    host = visible_host(world, request.args.get("hostEmail"))
    for meeting in reversed(world.meetings_of(meeting_id)):
        if host is not None and meeting.host_email != host:
            continue
        if meeting.id != meeting_id:
            return json_answer(_planned(meeting, meeting_id, world, in_list=False))
        if meeting.is_listed(world.now()):
            return json_answer(instance_shape(meeting, world, in_list=False))
    raise not_found()


def change_meeting(world: World, happenings: Happenings, meeting_id: str) -> Response:
    """PATCH changes what is named; PUT replaces everything, and resets what is left out."""
    whole = request.method == "PUT"
    if request.mimetype not in ("application/json",) + (() if whole else (_PATCH_TYPE,)):
        raise ApiError(415, f"The body must be application/json or, for PATCH, {_PATCH_TYPE}.")
    body = told_json()
    if not isinstance(body, dict) or (whole and not body.keys() >= _REQUIRED):
        raise ApiError(
            400, "The request could not be understood by the server due to malformed syntax."
        )
    meeting = _changeable(world, meeting_id, visible_host(world, body.get("hostEmail")))
    changes = _changes(body)
    world.patches[meeting_id] = changes if whole else world.patches.get(meeting_id, {}) | changes
    happenings.of_scheduled_meeting(meeting, meeting_id, "updated")
    return json_answer(_planned(meeting, meeting_id, world, in_list=True))


def _changeable(world: World, meeting_id: str, host: str | None) -> Meeting:
    found = [m for m in world.meetings_of(meeting_id) if host in (None, m.host_email)]
    if not found:
        raise not_found()
    meeting, now = found[-1], world.now()
    if meeting.id == meeting_id or meeting.scheduled_type == "personalRoomMeeting":
        raise ApiError(400, f"Meeting ID '{meeting_id}' is not allowed for this API.")
    in_progress = meeting.has_started(now) and not meeting.has_ended(now)
    if meeting.scheduled_id == meeting_id and in_progress:
        raise ApiError(400, "Meeting is in progress")
    return meeting


def list_participants(world: World) -> Response:
    any_id = request.args.get("meetingId")
    if not any_id:
        raise ApiError(400, "meetingId is required.")
    host = visible_host(world, request.args.get("hostEmail"))
    now = world.now()
    meetings = [
        meeting
        for meeting in world.meetings_of(any_id)
        if meeting.has_started(now) and host in (None, meeting.host_email)
    ]
    if not meetings:
        raise not_found()
    # A series or occurrence id stands for its last instance.
    last = meetings[-1]
    people = [participant_shape(person, last, now) for person in last.participants]
    return list_answer(people, world.settings, PLAIN_JSON)


ROUTES: list[Route] = [
    ("GET", "/meetings", list_meetings),
    ("GET", "/meetings/<meeting_id>", get_meeting),
    ("GET", "/meetingParticipants", list_participants),
]


def _list_options() -> tuple[str | None, str | None, dict[str, bool]]:
    kind = request.args.get("meetingType")
    state = request.args.get("state")
    if kind is None and "meetingSeriesId" not in request.args:
        kind = "meetingSeries"
    if kind is not None and kind not in _KINDS:
        raise ApiError(400, f"'{kind}' is not a meetingType.")
    if state is not None and state not in _STATES:
        raise ApiError(400, f"'{state}' is not a state of a meeting.")
    flags = {name: value for name in _FLAGS if (value := flag(name)) is not None}
    if flags and (kind, state) != ("meeting", "ended"):
        raise ApiError(400, f"'{next(iter(flags))}' needs meetingType=meeting and state=ended.")
    return kind, state, flags


def _candidates(world: World, host: str | None) -> Iterator[Meeting]:
    series_id = request.args.get("meetingSeriesId")
    meetings = world.meetings.values() if series_id is None else world.meetings_of(series_id)
    site_url = request.args.get("siteUrl") if series_id is None else None
    for meeting in sorted(meetings, key=lambda each: each.start):
        if host in (None, meeting.host_email) and site_url in (None, meeting.site_url):
            yield meeting


def _windows(now: datetime) -> dict[str, Window]:
    """Return the window of each kind: what was is looked for before now, what is planned after."""
    ahead = time_window(now, days_before=0, days_after=7)
    return {"meetingSeries": ahead, "scheduledMeeting": ahead, "meeting": time_window(now)}


def _listed(kind: str, meeting: Meeting, world: World, window: Window) -> Shape | None:
    """Return the meeting as a thing of that kind if it lies in the wanted window."""
    if kind == "meeting":
        if meeting.is_listed(world.now()) and is_within(meeting.start, window):
            return instance_shape(meeting, world, in_list=True)
        return None
    if kind == "meetingSeries" and "meetingSeriesId" in request.args:
        return None
    if is_within(meeting.scheduled_start, window):
        return scheduled_shape(meeting, world, kind=kind, in_list=True)
    return None


def _matches(
    shape: Shape, meeting: Meeting, world: World, state: str | None, flags: dict[str, bool]
) -> bool:
    if state is not None and shape["state"] != state:
        return False
    if request.args.get("scheduledType") not in (None, meeting.scheduled_type):
        return False
    modified = flag("isModified")
    if modified is not None and shape["meetingType"] == "scheduledMeeting":
        return bool(shape["isModified"]) == modified
    if not flags:
        return True
    present = content_flags(meeting, world.now())
    return all(present.get(name, False) == value for name, value in flags.items())


def _planned(meeting: Meeting, meeting_id: str, world: World, *, in_list: bool) -> Shape:
    kind = "meetingSeries" if meeting_id == meeting.series_id else "scheduledMeeting"
    return scheduled_shape(meeting, world, kind=kind, in_list=in_list)


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    changes = {}
    for name, kind in _CHANGEABLE.items():
        if name in body:
            if type(body[name]) is not kind:
                raise ApiError(400, f"The value of '{name}' has the wrong type.")
            changes[name] = body[name]
    return changes
