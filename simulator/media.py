"""The media origin: temporary links opened by their ticket, with ranges, tags and expiry."""

from functools import partial
from urllib.parse import quote

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulator import captions
from simulator.answers import json_answer
from simulator.content import Content, Literal
from simulator.faults import MediaFault
from simulator.file_answer import entity_tag, file_answer
from simulator.links import PATHS, LinkKind, linked_recording, new_link, transcript_of
from simulator.model import Recording
from simulator.world import World

_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head>"
    "<body><h1>Sign in to continue</h1></body></html>"
)
_TYPES = {"video": "video/mp4", "audio": "audio/mpeg", "transcript": "text/plain;charset=UTF-8"}
_EXTENSIONS = {"audio": "mp3", "transcript": "txt"}
_NO_FAULT = MediaFault()


def create_media(world: World) -> Flask:
    app = Flask("simulator.media", static_folder=None)
    for kind, path in PATHS.items():
        app.add_url_rule(path, kind, partial(_serve, world, kind))
    app.add_url_rule("/login", "login", _login_page)
    return app


def _login_page() -> Response:
    return Response(_LOGIN_PAGE, content_type="text/html;charset=UTF-8")


def _serve(world: World, kind: LinkKind) -> AnyResponse:
    if "Authorization" in request.headers:
        # A media host knows tickets only; for a bearer it shows a page for people.
        return _login_page()
    fault = request.environ.get("simulator.media_fault") or _NO_FAULT
    with world.lock:
        manner = world.dead_tickets.get(request.args.get("ticket", ""))
        if manner is not None:
            return _refusal(manner)
        recording = linked_recording(kind, request.args, world)
        if recording is None or recording.deleted or recording.prevent_download:
            return _refusal(world.settings.expired_link)
        if fault.redirect_to:
            return redirect(_destination(fault.redirect_to, kind, recording, world), code=302)
        if fault.other_file_ratio is not None and kind != "transcript":
            recording = recording.stand_in(recording.scaled_bytes(fault.other_file_ratio))
        content = _content(kind, recording, world)
    return file_answer(content, _headers(kind, recording), fault, world)


def _refusal(manner: str) -> AnyResponse:
    if manner == "200-html":
        return _login_page()
    if manner == "302-login":
        return redirect(f"{request.host_url}login", code=302)
    if manner == "302-itself":
        return redirect(request.full_path, code=302)
    status = int(manner.partition("-")[0])
    return json_answer({"message": "The ticket is not valid or has expired."}, status)


def _destination(name: str, kind: LinkKind, recording: Recording, world: World) -> str:
    if name == "login":
        return f"{request.host_url}login"
    if name == "itself":
        return request.full_path
    return new_link(kind, recording, world) if name == "new-link" else name


def _content(kind: LinkKind, recording: Recording, world: World) -> Content:
    if kind == "video":
        return recording.video()
    if kind == "audio":
        return recording.audio()
    transcript = transcript_of(recording, world)
    # Programs that read this link found VTT behind its `.txt`.
    octets = captions.vtt([]) if transcript is None else transcript.vtt()
    return Content((Literal(octets),))


def _headers(kind: LinkKind, recording: Recording) -> dict[str, str]:
    extension = _EXTENSIONS.get(kind, "arf" if recording.format == "ARF" else "mp4")
    content_type = "application/octet-stream" if extension == "arf" else _TYPES[kind]
    name = quote(f"{recording.topic}.{extension}", safe="")
    edition = (recording.edition,) if recording.edition else ()
    return {
        "Content-Type": content_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": entity_tag(
            recording.id, kind, recording.video_bytes, recording.duration_seconds, *edition
        ),
    }
