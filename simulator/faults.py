"""Faults: what goes wrong with a request, and with which requests."""

import re
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from simulator.answer_faults import AnswerFault
from simulator.links import DeadLink, LinkKind
from simulator.settings import Span

if TYPE_CHECKING:
    from simulator.ledger import SeenRequest

_LIMITS = ("after_bytes", "after_fraction", "short_bytes", "short_fraction")


class MediaFault(BaseModel):
    """What a fault does to a file or to its link; the README explains each field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ignore_range: bool = False
    ignore_if_range: bool = False
    refuse_range: Literal["true_total", "other_total", "asked_start", "no_total"] | None = None
    shift_bytes: int = 0
    hide_shift: bool = False
    total_off_by: int = 0
    etag: Literal["weak", "missing", "other"] | None = None
    gzip: bool = False
    content_length_off_by: int = 0
    bytes_per_second: int | None = Field(default=None, gt=0)
    redirect_to: str = Field(default="", pattern=r"^\S*$")
    link_dies: DeadLink | None = None
    other_file_ratio: float | None = Field(default=None, gt=0)
    replace_ratio: float | None = Field(default=None, gt=0)


class Fault(BaseModel):
    """The body of POST /_control/faults; the README explains each field."""

    model_config = ConfigDict(extra="forbid")

    origin: Literal["api", "media"] | None = None
    method: str | None = None
    path_regex: str = ""
    recording_id: str | None = None
    kind: LinkKind | None = None
    resumed: bool | None = None
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1)

    status: int | None = Field(default=None, ge=100, le=599)
    headers: dict[str, str] = {}
    body: str | dict[str, Any] | list[Any] | None = None
    retry_after_date_seconds: Span | None = None
    media: MediaFault | None = None
    answer: AnswerFault | None = None

    delay_seconds: float = Field(default=0, ge=0)
    drop: bool = False
    after_bytes: int | None = Field(default=None, ge=0)
    after_fraction: float | None = Field(default=None, ge=0, le=1)
    ending: Literal["cut", "reset", "stall", "page"] = "cut"
    stall_seconds: float = Field(default=120, ge=0)
    short_bytes: int | None = Field(default=None, ge=0)
    short_fraction: float | None = Field(default=None, ge=0, le=1)
    short_announced: bool = False

    _passed: int = PrivateAttr(default=0)

    def is_due(self) -> bool:
        """Count one request that it concerns; whether it is the turn of this one."""
        if self.skip > 0:
            self.skip -= 1
            return False
        self._passed += 1
        return self._passed % self.every == 0

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if re.search(r"[\r\n\0]|[^\0-\xff]", name + text):
                raise ValueError(f"no header line can carry the {name!r} that is asked for")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.body is not None and self.status is None:
            self.status = 200
        limits = [name for name in _LIMITS if getattr(self, name) is not None]
        if len(limits) > 1:
            raise ValueError(f"only one of {' and '.join(limits)} can end the body")
        if self.ending in ("reset", "stall") and (not limits or self.is_short):
            raise ValueError(f"the ending {self.ending!r} needs after_bytes or after_fraction")
        if self.ending == "page" and not limits:
            raise ValueError("the ending 'page' needs to know after how much of the body it comes")
        if self.origin == "api" and self.media is not None:
            raise ValueError("media faults do not meet requests to the API")
        if self.answer is not None and (self.origin == "media" or self.status is not None):
            raise ValueError("what is done to an answer of the API needs one")
        return self

    @property
    def is_short(self) -> bool:
        """Whether the body ends early as if it were whole."""
        return self.short_bytes is not None or self.short_fraction is not None

    def limit_bytes(self, file_bytes: int | None) -> int | None:
        """Return how much of the body comes, or None if all of it does."""
        for limit in (self.after_bytes, self.short_bytes):
            if limit is not None:
                return limit
        for fraction in (self.after_fraction, self.short_fraction):
            if fraction is not None and file_bytes is not None:
                return int(file_bytes * fraction)
        return None

    def concerns(self, seen: "SeenRequest") -> bool:
        """Whether this is one of the requests that the fault is about."""
        for wanted, found in (
            (self.origin, seen.origin),
            (self.recording_id, seen.recording_id),
            (self.kind, seen.kind),
            (self.resumed, "Range" in seen.headers),
        ):
            if wanted not in (None, found):
                return False
        if (self.method or seen.method).upper() != seen.method:
            return False
        if re.search(self.path_regex, seen.path):
            return True
        return bool(seen.query) and re.search(self.path_regex, seen.address) is not None
