"""/v1/meetingTranscripts: list, download as VTT or text, and snippets."""

from flask import Response, request

from simulator.answers import (
    FORBIDDEN,
    ApiError,
    Route,
    api_url,
    caller,
    is_within,
    json_answer,
    list_answer,
    not_found,
    time_window,
    told_json,
    visible_host,
)
from simulator.model import Transcript
from simulator.shapes import snippet_shapes, transcript_shape
from simulator.world import World


def list_transcripts(world: World) -> Response:
    meeting_id = request.args.get("meetingId")
    host_email = request.args.get("hostEmail")
    if meeting_id in world.meetings_by_any_id and meeting_id not in world.meetings:
        raise ApiError(400, f"Meeting ID '{meeting_id}' is not allowed for this API.")
    if host_email and meeting_id is None:
        raise ApiError(400, "hostEmail needs meetingId.")
    host = visible_host(world, host_email)
    window = time_window(world.now())
    site = request.args.get("siteUrl", world.settings.site_urls[0])
    found = [
        transcript
        for transcript in _candidates(meeting_id, world)
        if _is_readable(transcript, host, world)
        and transcript.ready_at is not None
        and is_within(transcript.ready_at, window)
        and world.meeting_of(transcript).site_url == site
    ]
    found.sort(key=lambda transcript: transcript.ready_at or world.now(), reverse=True)
    shapes = [transcript_shape(transcript, world, api_url()) for transcript in found]
    return list_answer(shapes, world.settings)


def list_all_transcripts(world: World) -> Response:
    """Everybody's at one site, as compliance officers see them."""
    if caller().role != "compliance":
        raise ApiError(403, FORBIDDEN)
    window = time_window(world.now())
    site = request.args.get("siteUrl", world.settings.site_urls[0])
    found = [
        transcript
        for transcript in world.transcripts.values()
        if transcript.ready_at is not None
        and transcript.ready_at <= world.now()
        and is_within(transcript.ready_at, window)
        and world.meeting_of(transcript).site_url == site
    ]
    found.sort(key=lambda transcript: transcript.ready_at or world.now(), reverse=True)
    shapes = [transcript_shape(transcript, world, api_url()) for transcript in found]
    return list_answer(shapes, world.settings)


def download_transcript(world: World, transcript_id: str) -> Response:
    transcript = _found(world, transcript_id)
    kind = request.args.get("format", "vtt")
    if kind == "vtt":
        return Response(transcript.vtt(), content_type="text/vtt")
    if kind == "txt":
        return Response(transcript.txt(), content_type="text/plain;charset=UTF-8")
    raise ApiError(400, "The value of 'format' must be vtt or txt.")


def list_snippets(world: World, transcript_id: str) -> Response:
    # Snippets are for the host and for compliance officers: there is no administrator's scope.
    if caller().role == "admin" and world.settings.strict_owner:
        raise ApiError(403, FORBIDDEN)
    transcript = _found(world, transcript_id, all_for_compliance=True)
    return list_answer(snippet_shapes(transcript, world), world.settings, usual=100)


def edit_snippet(world: World, transcript_id: str, snippet_id: str) -> Response:
    """Let somebody have said something else, as hosts may; VTT and text say so as well."""
    body = told_json()
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        raise ApiError(400, "text is required.")
    transcript = _found(world, transcript_id)
    shapes = snippet_shapes(transcript, world)
    for line, shape in zip(transcript.lines, shapes, strict=True):
        if shape["id"] == snippet_id:
            transcript.edit(line.number, body["text"])
            return json_answer(shape | {"text": body["text"]})
    raise not_found()


ROUTES: list[Route] = [
    ("PUT", "/meetingTranscripts/<transcript_id>/snippets/<snippet_id>", edit_snippet),
    ("GET", "/meetingTranscripts", list_transcripts),
    ("GET", "/admin/meetingTranscripts", list_all_transcripts),
    ("GET", "/meetingTranscripts/<transcript_id>/download", download_transcript),
    ("GET", "/meetingTranscripts/<transcript_id>/snippets", list_snippets),
]


def _candidates(meeting_id: str | None, world: World) -> list[Transcript]:
    if meeting_id is None:
        return list(world.transcripts.values())
    meeting = world.meetings.get(meeting_id)
    return [] if meeting is None else meeting.transcripts


def _found(world: World, transcript_id: str, *, all_for_compliance: bool = False) -> Transcript:
    host = visible_host(world, request.args.get("hostEmail"))
    if all_for_compliance and caller().role == "compliance":
        host = None
    transcript = world.transcripts.get(transcript_id)
    if transcript is None or not _is_readable(transcript, host, world):
        raise not_found()
    return transcript


def _is_readable(transcript: Transcript, host: str | None, world: World) -> bool:
    if transcript.deleted or not transcript.is_ready(world.now()):
        return False
    return host in (None, world.meeting_of(transcript).host_email)
