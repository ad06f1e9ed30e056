"""The gate before the API and the media origin: notes every request and lets faults happen."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from simulator.faults import Fault, Ledger, SeenRequest
from simulator.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REASON = "Simulated"


class DisconnectError(Exception):
    """The connection is to be closed without another byte."""


class Gate:
    """A WSGI application around another."""

    def __init__(
        self, origin: str, application: "WSGIApplication", world: World, ledger: Ledger
    ) -> None:
        self._origin = origin
        self._application = application
        self._world = world
        self._ledger = ledger

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        with self._world.lock:
            seen = self._ledger.note(environ, self._origin)
            fault = self._ledger.take(seen)
        if fault is None:
            return _metered(self._application(environ, _noting(start_response, seen)), seen)
        if fault.delay_seconds:
            self._world.stopping.wait(fault.delay_seconds)
        if fault.drop:
            raise DisconnectError
        started = _noting(_altering(start_response, fault), seen)
        if fault.status is not None:
            body = _canned(fault, started)
        else:
            body = self._application(environ, started)
        return _metered(_limited(body, fault), seen)


def _noting(start_response: "StartResponse", seen: SeenRequest) -> "StartResponse":
    def noting(
        status: str, headers: list[tuple[str, str]], *rest: Any
    ) -> Callable[[bytes], object]:
        seen.status = int(status.split()[0])
        return start_response(status, headers, *rest)

    return noting


def _altering(start_response: "StartResponse", fault: Fault) -> "StartResponse":
    """Replace the headers that the fault names; a body cut short on purpose has no length."""

    def altering(
        status: str, headers: list[tuple[str, str]], *rest: Any
    ) -> Callable[[bytes], object]:
        replaced = {name.lower() for name in fault.headers}
        if fault.short_bytes is not None:
            replaced.add("content-length")
        kept = [(name, value) for name, value in headers if name.lower() not in replaced]
        return start_response(status, kept + list(fault.headers.items()), *rest)

    return altering


def _canned(fault: Fault, start_response: "StartResponse") -> Iterable[bytes]:
    body = fault.body
    kind = "text/html" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    octets = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(octets)))]
    headers.append(("trackingId", "ROUTERGW_simulated-fault"))
    start_response(f"{fault.status} {_REASON}", headers)
    return [octets]


def _limited(body: Iterable[bytes], fault: Fault) -> Iterator[bytes]:
    """Pass the body on until the fault ends it, with a disconnect or as if it were whole."""
    limits = [limit for limit in (fault.after_bytes, fault.short_bytes) if limit is not None]
    left = min(limits, default=None)
    try:
        for piece in body:
            if left is None or len(piece) <= left:
                left = None if left is None else left - len(piece)
                yield piece
                continue
            yield piece[:left]
            left = 0
            break
        if left is not None and fault.after_bytes is not None:
            raise DisconnectError
    finally:
        _close(body)


def _metered(body: Iterable[bytes], seen: SeenRequest) -> Iterator[bytes]:
    """Count what was really passed on: a piece counts once the next one is asked for."""
    try:
        for piece in body:
            yield piece
            seen.bytes_sent += len(piece)
    finally:
        _close(body)


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
