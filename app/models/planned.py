"""The table of planned meetings that the policy has looked at."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from app.models.tables import UtcDateTime
from app.models.words import Flip


class AutoRecord(SQLModel, table=True):
    """A planned meeting, and whether we let Webex record it; one with ``next_attempt_at`` is due.

    ``flip`` is written before Webex is told, so that no crash hides what was switched on.
    """

    __tablename__ = "auto_record"

    id: int | None = Field(default=None, primary_key=True)
    meeting_id: str = Field(unique=True)
    account: str = ""
    host_email: str | None = None
    title: str | None = None
    start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    flip: str = Flip.NEW
    rule: str | None = None
    why: str | None = Field(default=None, sa_type=Text)
    tries: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    switched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
