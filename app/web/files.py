"""The files of a meeting over HTTP: whole or in part, and never anything else of the disk."""

import io
import os
import re
from pathlib import PurePosixPath
from typing import Any

from flask import Response, request, send_file
from flask_openapi3.blueprint import APIBlueprint
from werkzeug.exceptions import Conflict, NotFound, PreconditionFailed

from app.archive.inspection import Damage
from app.archive.paths import safe_text
from app.errors import ArchiveUnavailable
from app.ingestion.opening import Opened, Turn, open_file, read_manifest
from app.models.manifest import MANIFEST
from app.models.tables import File
from app.runtime import Runtime
from app.web.api import if_changed
from app.web.problem_json import API, declared, problem
from app.web.shapes import FilePath, MeetingPath
from app.web.spans import Span, Wanted, wanted_span

_TYPES = {
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
    ".vtt": "text/vtt",
    ".txt": "text/plain",
    ".json": "application/json",
}
_ANY_TYPE = "application/octet-stream"
_FILES = re.compile(r"/api/v1/meetings/[^/]+/files/.+")

_HEADERS = {
    # Asked again each time, and then answered with 304: what is kept is the reader's own.
    "Cache-Control": "private, no-cache",
    # Opened by itself a file runs nothing and loads nothing, whatever is in it, but that Chromium
    # loads a video a second time to show it.
    "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


_ANY_BYTES = {"content": {_ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
_BYTES: dict[str | int, Any] = {
    200: {"description": "The whole file.", **_ANY_BYTES},
    206: {"description": "The part that `Range` asks for.", **_ANY_BYTES},
    304: {"description": "It is as `If-None-Match` or `If-Modified-Since` says."},
}


def is_file_path(path: str) -> bool:
    """Whether a request for this path is answered with a file."""
    return _FILES.fullmatch(path) is not None


def file_routes(runtime: Runtime, at_disk: Turn) -> APIBlueprint:
    """The routes of the files that are stored, and of the manifest that lists them."""
    routes = APIBlueprint("files", __name__)
    bench = runtime.bench

    @routes.get(
        f"{API}/meetings/<meeting_id>/files/<path:path>",
        responses={**_BYTES, **declared(401, 403, 404, 409, 412, 416, 503)},
        merge_slashes=False,
    )
    def file(path: FilePath) -> Response:
        """A stored file, whole or in part, with its SHA-256 as `ETag`."""
        meeting_id, place = path.meeting_id, path.path
        opened = open_file(bench, meeting_id, place, turn=at_disk)
        if opened is None:
            raise NotFound("No file of this name is stored of a meeting with this id.")
        if isinstance(opened, Damage):
            raise _damaged(meeting_id, place, opened)
        return _answer(opened)

    @routes.get(
        f"{API}/meetings/<meeting_id>/files/{MANIFEST}",
        responses={
            200: {"content": {_TYPES[".json"]: {}}},
            **declared(401, 403, 404, 409, 412, 503),
        },
    )
    def manifest(path: MeetingPath) -> Response:
        """The manifest of a meeting: its files with checksums, and what became of the rest."""
        content = read_manifest(bench, path.meeting_id, turn=at_disk)
        if content is None:
            raise NotFound("Nothing is stored of a meeting with this id.")
        if isinstance(content, Damage):
            raise _damaged(path.meeting_id, MANIFEST, content)
        answer = Response(content, content_type=_TYPES[".json"])
        answer.headers.update({**_HEADERS, "Accept-Ranges": "none"})
        return if_changed(answer)

    routes.register_error_handler(ArchiveUnavailable, _unavailable)
    return routes


class _Piece(io.FileIO):
    """An open file, from where it stands on and no further than is to be sent."""

    def __init__(self, descriptor: int, length: int) -> None:
        super().__init__(descriptor)
        self.length = length

    def __del__(self) -> None:
        # Werkzeug's own server forgets to close an answer whose reader has gone.
        self.close()

    def narrow(self, span: Span) -> None:
        """Send no more than this part of it."""
        self.seek(span.start)
        self.length = span.length

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, for servers that send no files by themselves."""
        most = self.length if size is None or size < 0 else min(size, self.length)
        if not most:
            return b""
        piece = os.read(self.fileno(), most)
        if not piece:
            raise OSError("the file has become shorter while it was sent")
        self.length -= len(piece)
        return piece


def _answer(opened: Opened) -> Response:
    file = opened.file
    piece = _Piece(opened.descriptor, file.bytes)
    try:
        answer = send_file(
            piece,
            mimetype=_TYPES.get(PurePosixPath(file.path).suffix, _ANY_TYPE),
            as_attachment=request.args.get("download") == "1",
            download_name=_download_name(opened.title, file),
            conditional=False,
            etag=file.sha256,
            last_modified=file.stored_at,
        )
        answer.headers.update(_HEADERS)
        answer.content_length = file.bytes
        answer.make_conditional(request)
        if answer.status_code == PreconditionFailed.code:
            raise PreconditionFailed("This file is another one by now.")
        if answer.status_code != 200 or request.method != "GET":
            return answer
        span = _span(answer, file.bytes)
        if span is Wanted.NOTHING:
            return _nothing_there(piece, file.bytes)
    except BaseException:
        piece.close()
        raise
    return _part(answer, piece, span) if isinstance(span, Span) else answer


def _span(answer: Response, size: int) -> Span | Wanted:
    """What is asked for; everything where somebody has the beginning of another file."""
    # A weak tag or another time, even a later one, says nothing about each byte.
    if_range = request.headers.get("If-Range")
    if if_range not in (None, answer.headers["ETag"], answer.headers["Last-Modified"]):
        return Wanted.WHOLE
    return wanted_span(request.headers.get("Range"), size)


def _part(answer: Response, piece: _Piece, span: Span) -> Response:
    size = piece.length
    piece.narrow(span)
    answer.status_code = 206
    answer.content_length = span.length
    answer.headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{size}"
    return answer


def _nothing_there(piece: _Piece, size: int) -> Response:
    piece.close()
    said = f"The file has {size} bytes: nothing of what is asked for is in it."
    return problem(416, said, [("Content-Range", f"bytes */{size}")])


def _download_name(title: str, file: File) -> str:
    """What a browser names it; the title is anybody's text, and cleaned as for a path."""
    name = PurePosixPath(file.path).name
    return f"{safe_text(title)} {name}" if title.strip() else name


def _damaged(meeting_id: str, path: str, damage: Damage) -> NotFound | Conflict:
    said = (
        f"{path} is not as it was stored ({damage}). "
        f"`webex-ingest verify --deep {meeting_id}` has it fetched again, or says what to do."
    )
    return NotFound(said) if damage is Damage.MISSING else Conflict(said)


def _unavailable(error: ArchiveUnavailable) -> Response:
    return problem(503, str(error), [("Retry-After", "5")])
