"""Who may look and who may change things: scopes, tokens, and the tables of who was let in."""

import re
import secrets
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlmodel import Field, SQLModel

from app.models.tables import UtcDateTime


class Scope(StrEnum):
    """What somebody may do: look at things, or change them."""

    READ = "read"
    OPERATE = "operate"


_TOKEN = re.compile(r"wxi_[0-9a-f]{64}")
"""So that whoever searches files for secrets that slipped out can know ours."""


def new_token() -> str:
    """A token that nobody can guess."""
    return f"wxi_{secrets.token_hex(32)}"


def is_token(text: str) -> bool:
    """Whether a text looks like one of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def token_digest(token: str) -> str:
    """What is kept of a token: as nobody can guess it, a plain SHA-256 will do."""
    return sha256(token.encode()).hexdigest()


class OperatorSession(SQLModel, table=True):
    """A browser in which the operator has signed in; of its secret only the SHA-256 is kept.

    ``password`` is the fingerprint of the password it was opened with: with another one it is over.
    """

    __tablename__ = "operator_session"

    digest: str = Field(primary_key=True)
    password: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ApiToken(SQLModel, table=True):
    """A token for a program; of the token itself only the SHA-256 is kept.

    ``scopes`` are words with spaces between. ``last_used_at`` is right to the minute.
    """

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    digest: str = Field(unique=True)
    scopes: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Throttle(SQLModel, table=True):
    """How many tries somebody has spent: at ``spent_until`` all of them are given back.

    In seconds since 1970, as both databases have to reckon with it inside one statement.
    """

    name: str = Field(primary_key=True)
    spent_until: float
