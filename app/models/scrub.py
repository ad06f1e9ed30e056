"""The table of how far the scrub is, which reads stored files again."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.tables import UtcDateTime


class Scrub(SQLModel, table=True):
    """The one scrub of all workers: who is at it, how far it is, and what it may read.

    ``turn`` is the fence of whoever is at it until ``held_until``. All that was read is within the
    rate at ``paid_until``. Of the meeting ``meeting_row_id``, begun at ``begun_at``, everything was
    read up to ``path``.
    """

    id: int | None = Field(default=None, primary_key=True)
    turn: int = 0
    held_until: datetime = Field(sa_type=UtcDateTime)
    paid_until: datetime = Field(sa_type=UtcDateTime)
    meeting_row_id: int | None = None
    begun_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    path: str = ""
