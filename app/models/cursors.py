"""The table of how far Webex's lists were read."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.tables import UtcDateTime


class BackfillCursor(SQLModel, table=True):
    """How far one of Webex's lists was read: all before ``reached`` of ``since`` to ``until``.

    ``purpose`` is what it is read for: ``beat``, or the days that somebody asked for. Without a
    site it is the list of all sites of the account.
    """

    __tablename__ = "backfill_cursor"
    __table_args__ = (UniqueConstraint("purpose", "account", "resource", "site_url"),)

    id: int | None = Field(default=None, primary_key=True)
    purpose: str
    account: str
    resource: str
    site_url: str = ""
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reached: datetime = Field(sa_type=UtcDateTime)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def is_finished(self) -> bool:
        """Whether all of the span was read."""
        return self.reached >= self.until
