"""The table of what happened to each meeting, step by step, and of how far it was numbered."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, Text, text
from sqlmodel import Field, SQLModel

from app.models.tables import UtcDateTime


class What(StrEnum):
    """What a step was; the states of an ingest are those that it came to."""

    KNOWN = "known"
    TOLD = "told"
    ASKED = "asked"
    FOUND = "found"
    WAITING = "waiting"
    DONE = "done"
    ABSENT = "absent"
    FAILED = "failed"
    REOPENED = "reopened"
    STORED = "stored"
    GONE = "gone"
    COMPLETE = "complete"


class Step(SQLModel, table=True):
    """One thing that happened to a meeting, or to one resource of it; never changed, only added.

    What the rows themselves show is added by triggers, so that no change can be left out:
    ``known`` with its source, ``found`` items, how each attempt ended, ``reopened``, ``stored``
    files (``detail`` is the path, ``reason`` the kind), ``gone`` at Webex, ``complete``. What event
    told of it (``told``) and who asked for it again (``asked``) is added by those who know.
    ``position`` is its place in the feed of events, once it has one; ``waiting`` never gets one.
    """

    __table_args__ = (
        Index("ix_step_meeting", "meeting_row_id", "id"),
        Index(
            "ix_step_unnumbered",
            "id",
            sqlite_where=text("position IS NULL AND what <> 'waiting'"),
            postgresql_where=text("position IS NULL AND what <> 'waiting'"),
        ),
        Index(
            "ix_step_position",
            "position",
            unique=True,
            sqlite_where=text("position IS NOT NULL"),
            postgresql_where=text("position IS NOT NULL"),
        ),
    )

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    )
    meeting_row_id: int = Field(foreign_key="meeting.id", ondelete="CASCADE")
    at: datetime = Field(sa_type=UtcDateTime)
    what: str
    resource: str = ""
    resource_id: str = ""
    reason: str | None = None
    detail: str | None = Field(default=None, sa_type=Text)
    bytes: int | None = Field(default=None, sa_type=BigInteger)
    position: int | None = Field(default=None, sa_type=BigInteger)


class Feed(SQLModel, table=True):
    """The one feed of events: its name, which no other database's has, and its last position."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    last: int = Field(default=0, sa_type=BigInteger)
