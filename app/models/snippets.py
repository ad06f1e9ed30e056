"""The table of what was said, with the words that it is found by."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Dialect, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel


class Words(TypeDecorator[Sequence[str]]):
    """Words as each database indexes them: both are given the words, and find none of their own."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """A tsvector on Postgres, and a text for the full-text index of SQLite."""
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str:
        """Write the words of one text."""
        words = value or ()
        return _tsvector(words) if dialect.name == "postgresql" else " ".join(words)


def _tsvector(words: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


class Snippet(SQLModel, table=True):
    """What one person said; times are milliseconds from the start of the transcript.

    ``words`` has an index of each database's own, snippet_search: a GIN index on Postgres, and on
    SQLite a table that triggers keep.
    """

    __table_args__ = (
        UniqueConstraint("meeting_row_id", "transcript_id", "position", name="uq_snippet"),
    )

    id: int | None = Field(default=None, primary_key=True)
    meeting_row_id: int = Field(foreign_key="meeting.id", ondelete="CASCADE")
    transcript_id: str
    position: int
    snippet_id: str
    offset_milliseconds: int | None = Field(default=None, sa_type=BigInteger)
    duration_milliseconds: int | None = Field(default=None, sa_type=BigInteger)
    person_name: str | None = None
    person_email: str | None = None
    participant_row_id: int | None = Field(
        default=None, foreign_key="participant.id", ondelete="SET NULL"
    )
    text: str = Field(sa_type=Text)
    words: str = Field(sa_type=Words, sa_column_kwargs={"server_default": ""})
