"""How a file is answered: whole or in part, at a pace, and spoilt where a fault says so."""

import hashlib
import time
import zlib
from collections.abc import Iterator
from itertools import chain

from flask import Response, request
from werkzeug.http import parse_range_header

from simulator.content import Content
from simulator.faults import MediaFault
from simulator.world import World

_GZIP_WINDOW_BITS = 31
_OTHER_TOTAL_BYTES = 1000


def entity_tag(*words: object) -> str:
    """Return the strong tag that these words make."""
    text = "/".join(str(word) for word in words)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def file_answer(
    content: Content, headers: dict[str, str], fault: MediaFault, world: World
) -> Response:
    """Answer the current request with the file, or with the part of it that is asked for."""
    settings, length = world.settings, content.length
    request.environ["simulator.file_bytes"] = length
    start, stop, status = 0, length, 200
    pieces = None
    if settings.media_ranges and not fault.ignore_range:
        headers["Accept-Ranges"] = "bytes"
        asked = _asked_range(headers["ETag"], length, heeds_tag=not fault.ignore_if_range)
        if asked is not None and (asked[0] >= length or fault.refuse_range):
            return _unsatisfiable(length, asked[0], fault)
        if asked is not None:
            (start, stop), status = asked, 206
            if fault.hide_shift:
                pieces = _shifted(content, start, stop, fault.shift_bytes)
            else:
                start = min(max(0, start + fault.shift_bytes), stop - 1)
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length + fault.total_off_by}"
    _set_tag(headers, fault, is_wanted=settings.media_etag)
    body = _paced(pieces or content.pieces(start, stop), world, fault.bytes_per_second)
    if fault.gzip:
        headers["Content-Encoding"] = "gzip"
        body = _compressed(body)
    elif settings.media_content_length:
        headers["Content-Length"] = str(max(0, stop - start + fault.content_length_off_by))
    return Response(body, status=status, headers=headers, direct_passthrough=True)


def _asked_range(etag: str, length: int, *, heeds_tag: bool) -> tuple[int, int] | None:
    """Return the one range asked for; several at once, or another tag, mean the whole file."""
    condition = request.headers.get("If-Range")
    if heeds_tag and condition is not None and condition != etag:
        return None
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    first, last = asked.ranges[0]
    if first < 0:
        return max(0, length + first), length
    return first, length if last is None else min(last, length)


def _unsatisfiable(length: int, start: int, fault: MediaFault) -> Response:
    if fault.refuse_range == "no_total":
        return Response(status=416)
    totals = {"other_total": length + _OTHER_TOTAL_BYTES, "asked_start": start}
    total = totals.get(fault.refuse_range or "", length)
    return Response(status=416, headers={"Content-Range": f"bytes */{total}"})


def _shifted(content: Content, start: int, stop: int, shift: int) -> Iterator[bytes]:
    """Return as many bytes as were asked for, from another place of the file."""
    first = min(max(0, start + shift), content.length)
    last = min(first + stop - start, content.length)
    missing = stop - start - (last - first)
    return chain(content.pieces(first, last), content.pieces(0, missing))


def _set_tag(headers: dict[str, str], fault: MediaFault, *, is_wanted: bool) -> None:
    if fault.etag == "missing" or not is_wanted:
        del headers["ETag"]
    elif fault.etag == "weak":
        headers["ETag"] = f"W/{headers['ETag']}"
    elif fault.etag == "other":
        headers["ETag"] = entity_tag(headers["ETag"], "other")


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP_WINDOW_BITS)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _paced(pieces: Iterator[bytes], world: World, own_rate: int | None) -> Iterator[bytes]:
    """Hold to media_bytes_per_second, which may change at any time; 0 is as fast as it goes."""
    for piece in pieces:
        rate = own_rate or world.settings.media_bytes_per_second
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
