"""The gate before the API and the media origin: notes every request and lets faults happen."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from simulator.endings import PAGE, DisconnectError, ended, file_bytes, metered
from simulator.faults import Fault, MediaFault
from simulator.ledger import Ledger, SeenRequest
from simulator.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REASON = "Simulated"


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
            return metered(self._application(environ, _noting(start_response, seen)), seen)
        if fault.delay_seconds:
            self._world.stopping.wait(fault.delay_seconds)
        if fault.drop:
            raise DisconnectError
        started = _noting(_altering(start_response, fault, environ, self._world.now()), seen)
        if fault.status is not None:
            body = _canned(fault, started)
        else:
            environ["simulator.media_fault"] = fault.media
            environ["simulator.answer_fault"] = fault.answer
            body = self._application(environ, started)
        if fault.media is not None:
            self._change_media(fault.media, seen, environ)
        return metered(ended(body, fault, environ, self._world.stopping), seen)

    def _change_media(
        self, fault: MediaFault, seen: SeenRequest, environ: "WSGIEnvironment"
    ) -> None:
        """Do what holds from the next request on, before the client can have a byte of this one."""
        with self._world.lock:
            if fault.link_dies is not None:
                for ticket in parse_qs(environ["QUERY_STRING"]).get("ticket", ()):
                    self._world.dead_tickets[ticket] = fault.link_dies
            recording = self._world.recordings.get(seen.recording_id or "")
            if fault.replace_ratio is not None and recording is not None:
                recording.replace_media(recording.scaled_bytes(fault.replace_ratio))


def _noting(start_response: "StartResponse", seen: SeenRequest) -> "StartResponse":
    def noting(
        status: str, headers: list[tuple[str, str]], *rest: Any
    ) -> Callable[[bytes], object]:
        seen.status = int(status.split()[0])
        return start_response(status, headers, *rest)

    return noting


def _altering(
    start_response: "StartResponse", fault: Fault, environ: "WSGIEnvironment", now: datetime
) -> "StartResponse":
    """Replace the headers that the fault names."""

    def altering(
        status: str, headers: list[tuple[str, str]], *rest: Any
    ) -> Callable[[bytes], object]:
        told = {name.lower(): value for name, value in headers}
        added = _added_headers(fault, environ, told.get("content-length"), now)
        replaced = {name.lower() for name in added}
        if fault.is_short:
            replaced.add("content-length")
        kept = [(name, value) for name, value in headers if name.lower() not in replaced]
        return start_response(status, kept + list(added.items()), *rest)

    return altering


def _added_headers(
    fault: Fault, environ: "WSGIEnvironment", content_length: str | None, now: datetime
) -> dict[str, str]:
    added = dict(fault.headers)
    if fault.retry_after_date_seconds is not None:
        moment = now + timedelta(seconds=fault.retry_after_date_seconds)
        added["Retry-After"] = format_datetime(moment, usegmt=True)
    limit = fault.limit_bytes(file_bytes(environ))
    if fault.short_announced and limit is not None:
        length = limit if content_length is None else min(limit, int(content_length))
        # The page comes only after a body that reached the limit.
        page_bytes = len(PAGE) if fault.ending == "page" and length == limit else 0
        added["Content-Length"] = str(length + page_bytes)
    return added


def _canned(fault: Fault, start_response: "StartResponse") -> Iterable[bytes]:
    body = fault.body
    kind = "text/html" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    octets = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(octets)))]
    headers.append(("trackingId", "ROUTERGW_simulated-fault"))
    start_response(f"{fault.status} {_REASON}", headers)
    return [octets]
