"""What a search finds, as models that people and programs are told."""

from dataclasses import dataclass
from datetime import datetime

from app.models.status import Time, Told


class Hit(Told):
    """One snippet that was found; ``start`` is its meeting's, None where nobody knows it."""

    meeting_id: str
    title: str | None
    start: Time | None
    host_email: str | None
    speaker: str | None
    speaker_email: str | None
    transcript_id: str
    offset_milliseconds: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit stands among all: they are told newest meeting first, then as they were said."""

    moment: datetime
    meeting_row_id: int
    snippet_row_id: int


@dataclass(frozen=True, slots=True)
class Found:
    """Some of what was found; there is more behind ``next``, unless that is None."""

    hits: list[Hit]
    next: Place | None
