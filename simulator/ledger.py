"""The ledger: the faults still to come, and who asked for what so far."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulator.clock import milliseconds_text
from simulator.faults import Fault
from simulator.links import KINDS, LinkKind
from simulator.world import World

# A simulator that runs for weeks forgets its oldest requests.
_MOST_NOTED = 200_000


@dataclass(slots=True)
class SeenRequest:
    """One request to the API or the media origin, and how it was answered."""

    origin: str
    method: str
    path: str
    query: str
    at: str
    body_bytes: int
    headers: Mapping[str, str]
    recording_id: str | None = None
    kind: LinkKind | None = None
    status: int | None = None
    bytes_sent: int = 0
    faulty: bool = False

    @property
    def address(self) -> str:
        return f"{self.path}?{self.query}"

    def shape(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "recording_id": self.recording_id,
            "kind": self.kind,
            "status": self.status,
            "bytes_sent": self.bytes_sent,
            "faulty": self.faulty,
            "body_bytes": self.body_bytes,
            "headers": dict(self.headers),
            "at": self.at,
        }


@dataclass(slots=True)
class Ledger:
    """Guarded by the world's lock."""

    world: World
    faults: list[Fault] = field(default_factory=list)
    requests: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=_MOST_NOTED))

    def note(self, environ: Mapping[str, Any], origin: str) -> SeenRequest:
        pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        seen = SeenRequest(
            origin=origin,
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=_without_ticket(pairs),
            at=milliseconds_text(self.world.now()),
            body_bytes=int(environ.get("CONTENT_LENGTH") or 0),
            headers=_telling_headers(environ),
        )
        if origin == "media":
            recording = self.world.recordings_by_number.get(dict(pairs).get("recordid", ""))
            seen.recording_id = recording.id if recording is not None else None
            seen.kind = KINDS.get(seen.path)
        self.requests.append(seen)
        return seen

    def take(self, seen: SeenRequest) -> Fault | None:
        """Return the first fault that this request meets, use it up, and note that it did."""
        for fault in self.faults:
            if not fault.concerns(seen) or not fault.is_due():
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
            seen.faulty = True
            return fault
        return None

    def arrange(self, faults: Iterable[Fault], recording_id: str) -> None:
        """Let these faults meet the downloads of one recording."""
        changes = {"recording_id": recording_id}
        self.faults += [fault.model_copy(update=changes) for fault in faults]


def _without_ticket(pairs: Iterable[tuple[str, str]]) -> str:
    return urlencode([(key, "..." if key == "ticket" else value) for key, value in pairs])


def _telling_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that tell how a client transfers, and only whether it authenticated."""
    names = ("Range", "If-Range", "Accept-Encoding", "Content-Type", "User-Agent")
    values = {
        name: environ.get("HTTP_" + name.upper().replace("-", "_"), environ.get(_cgi(name)))
        for name in names
    }
    told = {name: str(value) for name, value in values.items() if value}
    if "HTTP_AUTHORIZATION" in environ:
        told["Authorization"] = "..."
    return told


def _cgi(name: str) -> str:
    return name.upper().replace("-", "_")
