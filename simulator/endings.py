"""Endings: how the body of an answer ends when a fault has a say in it."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simulator.faults import Fault
from simulator.ledger import SeenRequest

PAGE = (
    b"<!DOCTYPE html><html><head><title>Session ended</title></head>"
    b"<body><h1>Your session has ended</h1><p>Sign in to continue.</p></body></html>"
)
_LOOK_SECONDS = 0.05


class DisconnectError(Exception):
    """The connection is to be closed without another byte."""


class ResetError(Exception):
    """The connection is to be reset without another byte."""


def file_bytes(environ: Mapping[str, Any]) -> int | None:
    """Return the size of the file that the media origin found behind the link."""
    size: int | None = environ.get("simulator.file_bytes")
    return size


def ended(
    body: Iterable[bytes], fault: Fault, environ: Mapping[str, Any], stopping: threading.Event
) -> Iterator[bytes]:
    """Pass the body on until the fault ends it."""
    left = limit = fault.limit_bytes(file_bytes(environ))
    try:
        for piece in body:
            if left is None:
                yield piece
                continue
            yield piece[:left]
            left -= min(left, len(piece))
            if not left:
                break
    finally:
        _close(body)
    if fault.ending == "page" and left == 0:
        yield PAGE
    if fault.ending == "stall" and left == 0:
        _stall(fault.stall_seconds, environ["simulator.connection"], stopping)
    if fault.ending == "reset" and left == 0:
        raise ResetError
    is_cut = limit is not None and not fault.is_short
    if is_cut or (fault.media is not None and fault.media.content_length_off_by):
        raise DisconnectError


def metered(body: Iterable[bytes], seen: SeenRequest) -> Iterator[bytes]:
    """Count what was really passed on: a piece counts once the next one is asked for."""
    try:
        for piece in body:
            yield piece
            seen.bytes_sent += len(piece)
    finally:
        _close(body)


def _stall(seconds: float, connection: socket.socket, stopping: threading.Event) -> None:
    """Send nothing until the client has gone, the simulator stops, or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not _has_left(connection):
        if stopping.wait(_LOOK_SECONDS):
            return


def _has_left(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
