"""The tables: the database is the truth about every event, meeting, ingest and file."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Index,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from app.models.words import Priority, State


class UtcDateTime(TypeDecorator[datetime]):
    """A time that is aware and in UTC on both databases (SQLite drops time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every time back aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _text_of(words: type[State]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _partial(name: str, *columns: str | TextClause, where: str) -> Index:
    """An index of some rows only."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class WebhookEvent(SQLModel, table=True):
    """One event as Webex delivered it, without secrets; identical deliveries share a row.

    ``outcome`` is None while it is new. ``error_code`` and ``error`` say why it was put aside.
    """

    __tablename__ = "webhook_event"
    __table_args__ = (
        _partial("ix_webhook_event_new", "next_attempt_at", "id", where="outcome IS NULL"),
        _partial("ix_webhook_event_put_aside", "processed_at", where="error_code IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    resource: str
    event: str
    data_id: str
    body: str = Field(sa_type=Text)
    first_received_at: datetime = Field(sa_type=UtcDateTime)
    last_received_at: datetime = Field(sa_type=UtcDateTime)
    deliveries: int = 1
    tries: int = 0
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = None
    error_code: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    processed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


_MOMENT = text("coalesce(start_at, first_seen_at)")
"""When a meeting began, or was first heard of where that is not known."""


class Meeting(SQLModel, table=True):
    """One meeting instance; ``folder`` is fixed before its first file and never moves.

    ``completed_at`` is empty again while something of it is open, ``first_completed_at`` stays.
    All its files were last read whole at ``verified_at``, or when they were stored.
    """

    id: int | None = Field(default=None, primary_key=True)
    meeting_id: str = Field(unique=True)
    account: str = ""
    meeting_series_id: str | None = None
    scheduled_meeting_id: str | None = None
    title: str | None = None
    site_url: str | None = None
    host_email: str | None = None
    webex_state: str | None = None
    scheduled_type: str | None = None
    start_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    details_known: bool = False
    folder: str | None = Field(default=None, unique=True)
    source: str = "webhook"
    revision: int = 0
    manifest_revision: int = 0
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_seen_at: datetime = Field(sa_type=UtcDateTime)

    __table_args__ = (
        _partial(
            "ix_meeting_stale_manifest",
            "id",
            where="manifest_revision < revision AND folder IS NOT NULL",
        ),
        _partial(
            "ix_meeting_verified", "verified_at", "first_seen_at", "id", where="folder IS NOT NULL"
        ),
        Index("ix_meeting_moment", _MOMENT, "id"),
        Index("ix_meeting_host", text("lower(host_email)"), _MOMENT, "id"),
        Index("ix_meeting_site", "site_url", _MOMENT, "id"),
        Index("ix_meeting_account", "account", _MOMENT, "id"),
        _partial("ix_meeting_open", _MOMENT, "id", where="completed_at IS NULL"),
        _partial("ix_meeting_complete", _MOMENT, "id", where="completed_at IS NOT NULL"),
        _partial("ix_meeting_in_progress", _MOMENT, "id", where="webex_state = 'inProgress'"),
    )


class Ingest(SQLModel, table=True):
    """Bringing one resource of one meeting into the archive, with all its attempts.

    ``attempt`` is the fence: every write of a worker repeats the number it was given.
    ``reserved_until`` keeps a nudged row from being nudged again at once.
    ``lost`` counts attempts whose worker vanished. ``looks`` counts looks that found nothing,
    ``tries`` errors in a row. ``woken`` asks a running attempt to look once more.
    ``patience_until`` is when something that has not appeared becomes absent.
    ``stage``, ``bytes_*`` and ``validator`` say
    where a transfer can go on, ``publishing_sha256`` which file was about to get its name.
    ``bytes_per_second`` is a moving average, known only while an attempt transfers.
    ``recorded_at`` is when what a recording or transcript has of the meeting began.
    ``stored_at`` is when all of it was stored last, ``gone_at`` since when Webex has deleted it.
    """

    __table_args__ = (
        UniqueConstraint("meeting_row_id", "resource", "resource_id", name="uq_ingest"),
        CheckConstraint(f"state IN ({_text_of(State)})", name="ck_ingest_state"),
        _partial(
            "ix_ingest_waiting",
            "queue",
            "account",
            "priority",
            "next_attempt_at",
            where="state = 'waiting'",
        ),
        _partial("ix_ingest_due", "queue", "next_attempt_at", where="state = 'waiting'"),
        _partial("ix_ingest_running", "queue", "heartbeat_at", where="state = 'running'"),
        Index("ix_ingest_state", "state", "meeting_row_id"),
        _partial("ix_ingest_failed", "ended_at", where="state = 'failed'"),
        _partial("ix_ingest_reason", "reason", "meeting_row_id", where="reason IS NOT NULL"),
        _partial("ix_ingest_error", "error_code", "meeting_row_id", where="error_code IS NOT NULL"),
        _partial("ix_ingest_item", "resource_id", where="resource_id <> ''"),
    )

    id: int | None = Field(default=None, primary_key=True)
    meeting_row_id: int = Field(foreign_key="meeting.id", ondelete="CASCADE")
    resource: str
    resource_id: str = ""
    account: str = ""
    queue: str
    priority: str = Priority.FRESH
    state: str = State.WAITING
    stage: str = ""
    reason: str | None = None
    error_code: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    attempt: int = 0
    looks: int = 0
    tries: int = 0
    lost: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reserved_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heartbeat_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    patience_until: datetime = Field(sa_type=UtcDateTime)
    woken: bool = False
    bytes_done: int = Field(default=0, sa_type=BigInteger)
    bytes_total: int | None = Field(default=None, sa_type=BigInteger)
    bytes_synced: int = Field(default=0, sa_type=BigInteger)
    bytes_per_second: int | None = Field(default=None, sa_type=BigInteger)
    validator: str | None = None
    publishing_sha256: str | None = None
    recorded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stored_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rechecked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class File(SQLModel, table=True):
    """One whole, verified file in the archive; ``path`` is relative to the meeting's folder.

    ``damage`` is what was found wrong with it since, where nobody can fetch it again.
    """

    __table_args__ = (
        UniqueConstraint("meeting_row_id", "path", name="uq_file"),
        _partial("ix_file_damaged", "id", where="damage IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True)
    meeting_row_id: int = Field(foreign_key="meeting.id", ondelete="CASCADE")
    resource: str
    resource_id: str = ""
    kind: str
    path: str
    file_version: int = 1
    bytes: int = Field(sa_type=BigInteger)
    sha256: str
    source: str = ""
    stored_at: datetime = Field(sa_type=UtcDateTime)
    damage: str | None = None


class Participant(SQLModel, table=True):
    """Somebody who was in a meeting."""

    __table_args__ = (UniqueConstraint("meeting_row_id", "participant_id", name="uq_participant"),)

    id: int | None = Field(default=None, primary_key=True)
    meeting_row_id: int = Field(foreign_key="meeting.id", ondelete="CASCADE")
    participant_id: str
    email: str | None = None
    display_name: str | None = None
    host: bool = False
    co_host: bool = False
    joined_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Account(SQLModel, table=True):
    """A Webex account that we ask as, with its tokens, sealed with ENCRYPTION_KEY.

    ``name`` is empty for the account of the settings. ``generation`` counts its pairs of tokens
    and is the fence of whoever writes a new one; until ``renewing_until`` nobody else fetches
    one. ``seed`` has the fingerprints of all WEBEX_REFRESH_TOKENs that it was ever made from.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    client_id: str | None = None
    client_secret: str | None = Field(default=None, sa_type=Text)
    access_token: str | None = Field(default=None, sa_type=Text)
    refresh_token: str | None = Field(default=None, sa_type=Text)
    seed: str | None = None
    generation: int = 1
    renew_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    access_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refresh_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    renewing_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    scopes: str | None = Field(default=None, sa_type=Text)
    role: str | None = None
    person_id: str | None = None
    email: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    added_at: datetime = Field(sa_type=UtcDateTime)
    renewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Tick(SQLModel, table=True):
    """When something that should happen regularly last happened."""

    name: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
