"""/v1: summaries, chats, polls, questions, closed captions, invitees and the attendee report."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Response, request

from simulator import extras
from simulator.answers import (
    FORBIDDEN,
    ApiError,
    Route,
    api_url,
    asked_offset,
    caller,
    is_within,
    json_answer,
    list_answer,
    month_window,
    not_found,
    visible_host,
)
from simulator.extras import Nested, Shape
from simulator.model import Meeting
from simulator.world import World

_REPORTS_KEPT = timedelta(days=90)
_SHOWN_AT_ONCE = 2
"""So many of a nested list stand in the item itself; the others are behind its link."""


def list_summaries(world: World) -> Response:
    # Of others' meetings compliance officers ask below /admin, and administrators nowhere.
    if caller().role == "admin":
        raise ApiError(403, FORBIDDEN)
    meeting = _meeting(world)
    if caller().role == "compliance" and meeting.host_email != caller().email:
        raise ApiError(403, FORBIDDEN)
    return json_answer({"items": extras.summaries(meeting)})


def list_all_summaries(world: World) -> Response:
    return json_answer({"items": extras.summaries(_meeting(world, compliance=True))})


def list_chats(world: World) -> Response:
    found = extras.chats(_meeting(world))
    offset = asked_offset()
    return list_answer(found[offset:], world.settings)


def list_polls(world: World) -> Response:
    return json_answer({"items": extras.polls(_meeting(world))})


def list_poll_results(world: World) -> Response:
    meeting = _meeting(world)
    shapes = []
    for shape, nested in extras.poll_results(meeting):
        address = f"{api_url()}/meetings/polls/{nested.owner_id}/respondents"
        shape["questions"][0]["respondents"] = _shown(nested, address, meeting)
        shapes.append(shape)
    return list_answer(shapes, world.settings)


def list_respondents(world: World, poll_id: str, question_id: str) -> Response:
    wanted = f"{poll_id}/questions/{question_id}"
    return _nested(world, wanted, [each for _, each in extras.poll_results(_meeting(world))])


def list_questions(world: World) -> Response:
    meeting = _meeting(world)
    shapes = []
    for shape, nested in extras.questions(meeting):
        address = f"{api_url()}/meetings/q_and_a/{nested.owner_id}/answers"
        shapes.append(shape | {"answers": _shown(nested, address, meeting)})
    return list_answer(shapes, world.settings)


def list_answers(world: World, question_id: str) -> Response:
    return _nested(world, question_id, [each for _, each in extras.questions(_meeting(world))])


def list_captions(world: World) -> Response:
    return json_answer({"items": extras.captions(_meeting(world, compliance=True))})


def list_caption_snippets(world: World, captions_id: str) -> Response:
    meeting = _meeting(world, compliance=True)
    if captions_id != extras.caption_id(meeting):
        raise not_found()
    return json_answer({"items": extras.caption_snippets(meeting)})


def list_invitees(world: World) -> Response:
    any_id = request.args.get("meetingId")
    host = visible_host(world, request.args.get("hostEmail"))
    meetings = [each for each in world.meetings_of(any_id or "") if host in (None, each.host_email)]
    if not meetings:
        raise not_found()
    return list_answer(extras.invitees(meetings[-1]), world.settings)


def list_attendees(world: World) -> Response:
    if not request.args.get("siteUrl"):
        raise ApiError(400, "siteUrl is required.")
    meeting = _meeting(world)
    window = month_window(world.now())
    if window[0] < world.now() - _REPORTS_KEPT:
        raise ApiError(400, "'from' cannot be earlier than 90 days ago.")
    found = extras.attendees(meeting) if is_within(meeting.start, window) else []
    return list_answer(found, world.settings)


ROUTES: list[Route] = [
    ("GET", "/meetingSummaries", list_summaries),
    ("GET", "/admin/meetingSummaries", list_all_summaries),
    ("GET", "/meetings/postMeetingChats", list_chats),
    ("GET", "/meetings/polls", list_polls),
    ("GET", "/meetings/pollResults", list_poll_results),
    ("GET", "/meetings/polls/<poll_id>/questions/<question_id>/respondents", list_respondents),
    ("GET", "/meetings/q_and_a", list_questions),
    ("GET", "/meetings/q_and_a/<question_id>/answers", list_answers),
    ("GET", "/meetingClosedCaptions", list_captions),
    ("GET", "/meetingClosedCaptions/<captions_id>/snippets", list_caption_snippets),
    ("GET", "/meetingInvitees", list_invitees),
    ("GET", "/meetingReports/attendees", list_attendees),
]


def _meeting(world: World, *, compliance: bool = False) -> Meeting:
    """Return the ended instance that is asked about, once what else there is can be read."""
    if compliance and caller().role != "compliance":
        raise ApiError(403, FORBIDDEN)
    meeting_id = request.args.get("meetingId")
    if not meeting_id:
        raise ApiError(400, "meetingId is required.")
    meeting = world.meetings.get(meeting_id)
    host = visible_host(world, request.args.get("hostEmail"), all_for_admin=compliance)
    if meeting is None or host not in (None, meeting.host_email):
        raise not_found()
    if not meeting.has_ended(world.now()) or not meeting.reached(
        meeting.timeline.extras, world.now()
    ):
        raise not_found()
    return meeting


def _shown(nested: Nested, address: str, meeting: Meeting) -> Shape:
    query = f"?meetingId={meeting.id}&max={_SHOWN_AT_ONCE}"
    links = {"self": f"{address}{query}"}
    if len(nested.items) > _SHOWN_AT_ONCE:
        links["next"] = f"{address}{query}&offset={_SHOWN_AT_ONCE}"
    return {"links": links, "items": nested.items[:_SHOWN_AT_ONCE]}


def _nested(world: World, owner_id: str, lists: Sequence[Nested]) -> Response:
    for each in lists:
        if each.owner_id == owner_id:
            offset = asked_offset()
            return list_answer(each.items[offset:], world.settings)
    raise not_found()
