"""The media origin: temporary links opened by their ticket, with ranges, tags and expiry."""

import hashlib
import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from flask import Flask, Response, redirect, request
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response as AnyResponse

from simulator import captions
from simulator.answers import json_answer
from simulator.content import Content, Literal
from simulator.links import PATHS, linked_recording, transcript_of
from simulator.model import Recording
from simulator.world import World

_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head>"
    "<body><h1>Sign in to continue</h1></body></html>"
)
_TYPES = {"video": "video/mp4", "audio": "audio/mpeg", "transcript": "text/plain;charset=UTF-8"}
_EXTENSIONS = {"audio": "mp3", "transcript": "txt"}


def create_media(world: World) -> Flask:
    app = Flask("simulator.media", static_folder=None)
    for kind, path in PATHS.items():
        app.add_url_rule(path, kind, partial(_serve, world, kind))
    app.add_url_rule("/login", "login", _login_page)
    return app


def _login_page() -> Response:
    return Response(_LOGIN_PAGE, content_type="text/html;charset=UTF-8")


def _serve(world: World, kind: str) -> AnyResponse:
    if "Authorization" in request.headers:
        # A media host knows tickets only; for a bearer it shows a page for people.
        return _login_page()
    with world.lock:
        settings = world.settings
        recording = linked_recording(kind, request.args, world)
        if recording is None or recording.deleted or recording.prevent_download:
            return _refusal(settings.expired_link)
        content = _content(kind, recording, world)
    return _whole_or_part(content, world, _headers(kind, recording))


def _refusal(manner: str) -> AnyResponse:
    if manner == "200-html":
        return _login_page()
    if manner == "302-login":
        return redirect(f"{request.host_url}login", code=302)
    return json_answer({"message": "The ticket is not valid or has expired."}, 403)


def _content(kind: str, recording: Recording, world: World) -> Content:
    if kind == "video":
        return recording.video()
    if kind == "audio":
        return recording.audio()
    transcript = transcript_of(recording, world)
    lines = transcript.lines if transcript is not None else []
    # Programs that read this link found VTT behind its `.txt`.
    return Content((Literal(captions.vtt(lines)),))


def _headers(kind: str, recording: Recording) -> dict[str, str]:
    extension = _EXTENSIONS.get(kind, "arf" if recording.format == "ARF" else "mp4")
    content_type = "application/octet-stream" if extension == "arf" else _TYPES[kind]
    name = quote(f"{recording.topic}.{extension}", safe="")
    words = f"{recording.id}/{kind}/{recording.video_bytes}/{recording.duration_seconds}"
    return {
        "Content-Type": content_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": f'"{hashlib.sha256(words.encode()).hexdigest()[:32]}"',
    }


def _whole_or_part(content: Content, world: World, headers: dict[str, str]) -> Response:
    settings = world.settings
    start, stop, status = 0, content.length, 200
    if settings.media_ranges:
        headers["Accept-Ranges"] = "bytes"
        asked = _asked_range(headers["ETag"], content.length)
        if asked is not None and asked[0] >= content.length:
            return Response(status=416, headers={"Content-Range": f"bytes */{content.length}"})
        if asked is not None:
            start, stop, status = *asked, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.length}"
    if not settings.media_etag:
        del headers["ETag"]
    if settings.media_content_length:
        headers["Content-Length"] = str(stop - start)
    body = _paced(content.pieces(start, stop), world)
    return Response(body, status=status, headers=headers, direct_passthrough=True)


def _asked_range(etag: str, length: int) -> tuple[int, int] | None:
    """Return the one range asked for; several at once, or another tag, mean the whole file."""
    condition = request.headers.get("If-Range")
    if condition is not None and condition != etag:
        return None
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    first, last = asked.ranges[0]
    if first < 0:
        return max(0, length + first), length
    return first, length if last is None else min(last, length)


def _paced(pieces: Iterator[bytes], world: World) -> Iterator[bytes]:
    """Hold to media_bytes_per_second, which may change at any time; 0 is as fast as it goes."""
    for piece in pieces:
        rate = world.settings.media_bytes_per_second
        if not rate:
            yield piece
            continue
        step = max(1, rate // 20)
        for position in range(0, len(piece), step):
            began = time.monotonic()
            part = piece[position : position + step]
            yield part
            pause = len(part) / rate - (time.monotonic() - began)
            if world.stopping.wait(max(0.0, pause)):
                return
