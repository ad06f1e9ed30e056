"""Webex's answers and events, read once at the border: only the fields that are used."""

import re
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from app.errors import AnswerUnreadable
from app.models.times import parse_time

_MEETING_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")

Time = Annotated[datetime | None, BeforeValidator(parse_time)]
Token = Annotated[str, StringConstraints(max_length=8192, pattern=r"^[!-~]+$")]
Id = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _text(value: Any) -> str | None:
    """Free text as any database can keep it: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        return None
    return value.encode(errors="replace").decode().replace("\x00", "") or None


def _integer(value: Any) -> int | None:
    """Webex writes some numbers as text (closed caption snippets); nonsense is None.

    So is what no database keeps as a number.
    """
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**63 else None


Text = Annotated[str | None, BeforeValidator(_text)]
Words = Annotated[str, BeforeValidator(lambda value: _text(value) or "")]
Integer = Annotated[int | None, BeforeValidator(_integer)]
Known = Annotated[
    bool | None, BeforeValidator(lambda value: value if isinstance(value, bool) else None)
]
Flag = Annotated[bool, BeforeValidator(lambda value: value is True)]


def _meeting_id(value: Any) -> str | None:
    """An id of a meeting that can be a key and a folder; anything else is None."""
    return value if isinstance(value, str) and _MEETING_ID.fullmatch(value) else None


def is_meeting_id(meeting_id: str) -> bool:
    """Whether an id can be one of Webex's at all: what no folder can be named is none."""
    return _MEETING_ID.fullmatch(meeting_id) is not None


def is_instance(meeting_id: str) -> bool:
    """Whether an id names a meeting that took place: ``…_I_<digits>``.

    A series has 32 hexadecimal digits, an occurrence ends in its scheduled start.
    """
    return "_I_" in meeting_id and is_meeting_id(meeting_id)


def is_planned(meeting_id: str) -> bool:
    """Whether an id can name a series or an occurrence, in somebody's calendar."""
    return is_meeting_id(meeting_id) and not is_instance(meeting_id)


MeetingId = Annotated[str | None, BeforeValidator(_meeting_id)]


class WebexModel(BaseModel):
    """An object of the API: unknown fields are kept only in ``raw``, missing ones are None."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )

    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def raw(self) -> dict[str, Any]:
        """The object as Webex sent it, secrets included."""
        return self._raw

    @classmethod
    def read(cls, raw: Any) -> Self:
        """Read one object; AnswerUnreadable names the fields that are wrong, never their values."""
        try:
            read = cls.model_validate(raw)
        except ValidationError as error:
            fields = sorted({".".join(map(str, each["loc"])) or "it" for each in error.errors()})
            raise AnswerUnreadable(
                f"Webex sent a {cls.__name__} that cannot be read: {', '.join(fields)} is wrong"
            ) from None
        read._raw = raw
        return read


class NotificationData(WebexModel):
    """The ``data`` of a notification."""

    id: Id


class Notification(WebexModel):
    """What an event must have; all else of it is read later, when nobody waits for an answer."""

    resource: Id
    event: Id
    data: NotificationData


class EventData(WebexModel):
    """The ``data`` of an event: an id, and hints."""

    id: Id
    meeting_id: MeetingId = None
    meeting_series_id: Text = None
    scheduled_meeting_id: Text = None
    site_url: Text = None
    host_email: Text = None
    title: Text = None
    start: Time = None
    end: Time = None


class Event(WebexModel):
    """One delivery of a webhook; only ``resource``, ``event`` and ``data.id`` are required."""

    resource: Id
    event: Id
    created_by: Text = None
    data: EventData


class MeetingDetails(WebexModel):
    """A meeting of any kind: series, occurrence or instance; the flags stand in lists only."""

    id: Id
    meeting_series_id: Text = None
    scheduled_meeting_id: Text = None
    title: Text = None
    meeting_type: Text = None
    scheduled_type: Text = None
    state: Text = None
    start: Time = None
    end: Time = None
    host_email: Text = None
    site_url: Text = None
    enabled_auto_record_meeting: Known = None
    has_recording: Known = None
    has_transcription: Known = None
    has_chat: Known = None
    has_polls: Known = None
    has_qa: Known = Field(default=None, validation_alias=AliasChoices("hasQA", "has_qa"))
    has_closed_caption: Known = None


class DownloadLinks(WebexModel):
    """Links that live three hours; never stored, never shown."""

    recording_download_link: str | None = Field(default=None, repr=False)
    audio_download_link: str | None = Field(default=None, repr=False)
    expiration: Time = None


class Recording(WebexModel):
    """A recording, as it stands in a list or alone."""

    id: Id
    meeting_id: MeetingId = None
    topic: Text = None
    site_url: Text = None
    create_time: Text = None
    time_recorded: Time = None
    format: Text = None
    duration_seconds: Integer = None
    size_bytes: Integer = None
    status: Text = None
    host_email: Text = None
    temporary_direct_download_links: DownloadLinks | None = Field(default=None, repr=False)

    @property
    def recorded_at(self) -> datetime | None:
        """When it began."""
        return self.time_recorded


class Transcript(WebexModel):
    """A transcript in a list; its own links are ignored, they are built from the id."""

    id: Id
    meeting_id: MeetingId = None
    start_time: Time = None
    site_url: Text = None
    host_email: Text = None
    status: Text = None

    @property
    def recorded_at(self) -> datetime | None:
        """When it began."""
        return self.start_time


class TranscriptSnippet(WebexModel):
    """What one person said, in milliseconds from the start of the transcript.

    The guide calls the times ``offset`` (in seconds, it says) and ``duration``; the API's
    description says milliseconds, and the guide's own numbers are milliseconds as well.
    """

    id: Id
    text: Words = ""
    person_name: Text = None
    person_email: Text = None
    offset_milliseconds: Integer = Field(
        default=None, validation_alias=AliasChoices("offsetMillisecond", "offset")
    )
    duration_milliseconds: Integer = Field(
        default=None, validation_alias=AliasChoices("durationMillisecond", "duration")
    )


class MeetingParticipant(WebexModel):
    """Somebody who is or was in a meeting; unknown times are None."""

    id: Id
    email: Text = None
    display_name: Text = None
    host: Flag = False
    co_host: Flag = False
    state: Text = None
    joined_time: Time = None
    left_time: Time = None

    @property
    def is_final(self) -> bool:
        """Whether Webex knows when this person came and went."""
        return self.joined_time is not None and self.left_time is not None


class Webhook(WebexModel):
    """A webhook as registered at Webex."""

    id: Id
    name: Words = ""
    target_url: Words = ""
    resource: Words = ""
    event: Words = ""
    status: Text = None
    owned_by: Text = None
    filter: Text = None
    created: Time = None
    secret: Text = Field(default=None, exclude=True, repr=False)


class Person(WebexModel):
    """Whose token it is."""

    id: Id
    emails: list[Words] = []
    display_name: Text = None


class Site(WebexModel):
    """One of the Webex sites of an account."""

    site_url: Text = None
    default: Flag = False


class SiteList(WebexModel):
    """The sites of an account."""

    sites: list[Site] = []


class TokenAnswer(WebexModel):
    """A pair of tokens, in OAuth's own spelling; lifetimes are seconds from now."""

    access_token: Token
    expires_in: Integer = None
    refresh_token: Token | None = None
    refresh_token_expires_in: Integer = None
    scope: Text = None
