"""Faults: what goes wrong with the next requests, and who asked for what so far."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulator.clock import milliseconds_text
from simulator.world import World

# A simulator that runs for weeks forgets its oldest requests.
_MOST_NOTED = 200_000


class Fault(BaseModel):
    """The body of POST /_control/faults; the README explains each field."""

    model_config = ConfigDict(extra="forbid")

    origin: Literal["api", "media"] | None = None
    method: str | None = None
    path_regex: str = ""
    status: int | None = Field(default=None, ge=100, le=599)
    headers: dict[str, str] = {}
    body: str | dict[str, Any] | list[Any] | None = None
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    delay_seconds: float = Field(default=0, ge=0)
    after_bytes: int | None = Field(default=None, ge=0)
    short_bytes: int | None = Field(default=None, ge=0)
    drop: bool = False

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _body_has_status(self) -> Self:
        if self.body is not None and self.status is None:
            self.status = 200
        return self

    def concerns(self, origin: str, method: str, path: str, query: str) -> bool:
        if self.origin not in (None, origin) or (self.method or method).upper() != method:
            return False
        if re.search(self.path_regex, path):
            return True
        return bool(query) and re.search(self.path_regex, f"{path}?{query}") is not None


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
    status: int | None = None
    bytes_sent: int = 0

    def shape(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "bytes_sent": self.bytes_sent,
            "body_bytes": self.body_bytes,
            "headers": dict(self.headers),
            "at": self.at,
        }


@dataclass(slots=True)
class Ledger:
    """The faults still to come and the requests so far; guarded by the world's lock."""

    world: World
    faults: list[Fault] = field(default_factory=list)
    requests: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=_MOST_NOTED))

    def note(self, environ: Mapping[str, Any], origin: str) -> SeenRequest:
        seen = SeenRequest(
            origin=origin,
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=_without_ticket(environ.get("QUERY_STRING", "")),
            at=milliseconds_text(self.world.now()),
            body_bytes=int(environ.get("CONTENT_LENGTH") or 0),
            headers=_telling_headers(environ),
        )
        self.requests.append(seen)
        return seen

    def take(self, seen: SeenRequest) -> Fault | None:
        """Return the first fault that this request meets, and use it up."""
        for fault in self.faults:
            if not fault.concerns(seen.origin, seen.method, seen.path, seen.query):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
            return fault
        return None


def _without_ticket(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
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
