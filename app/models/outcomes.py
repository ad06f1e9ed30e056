"""How one attempt at an ingest ended; the row is changed by exactly one of these."""

from dataclasses import dataclass
from datetime import datetime

from app.models.words import Reason


@dataclass(frozen=True, slots=True)
class Done:
    """Everything there is of it is stored and verified."""

    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """Webex does not have it, or will not give it; ``reason`` says which.

    ``detail`` says more to people, such as which scope is missing.
    """

    reason: Reason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on without somebody's help; ``error`` is a sentence for people."""

    code: str
    error: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at ``until``.

    ``looked`` says that Webex was asked and had nothing; an ``error_code`` that it went wrong.
    ``counts`` is false where the attempt was cut short through no fault of the work itself.
    """

    until: datetime
    reason: Reason
    looked: bool = False
    error_code: str | None = None
    error: str | None = None
    counts: bool = True


Outcome = Done | Absent | Failed | Wait
