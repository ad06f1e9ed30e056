"""The table of counts, which triggers keep in step with the rows that are counted."""

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel


class Tally(SQLModel, table=True):
    """So many rows more or less of one kind; how many there are is the sum of all of these.

    What commits a change of a row commits its tallies with it. They are only ever added, so that
    nobody waits for a count that somebody else changes, and put together from time to time.
    ``amount`` is the sum of the bytes of files, or of the deliveries of events.
    """

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    )
    subject: str
    word: str
    detail: str
    number: int = Field(sa_type=BigInteger)
    amount: int = Field(sa_type=BigInteger)
