"""Everything about the simulator that can be set, at the start or while it runs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

_CENTURY = 100 * 366 * 86400

Span = Annotated[float, Field(ge=-_CENTURY, le=_CENTURY)]
Lifetime = Annotated[int, Field(gt=0, le=_CENTURY)]
Seconds = Span | None
Ratio = float


class Timeline(BaseModel):
    """When things happen, in seconds after the meeting's end; `null` means never."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    started: Seconds = 5  # after the meeting's start
    ended_webhook: Seconds = 10
    details: Seconds = 900
    participants_final: Seconds = 600
    recordings: Seconds = 119
    transcripts: Seconds = 240
    extras: Seconds = 900
    recording_webhook: Seconds = 125
    transcript_webhook: Seconds = 245


INSTANT = Timeline(
    started=0,
    ended_webhook=0,
    details=0,
    participants_final=0,
    recordings=0,
    transcripts=0,
    extras=0,
    recording_webhook=0,
    transcript_webhook=0,
)


class Identity(BaseModel):
    """Whose a token is and what it may do; without scopes, all that the role may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str
    role: Literal["user", "admin", "compliance"] = "user"
    scopes: str | None = None


class Settings(BaseModel):
    """The README has a table of these; a test compares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Literal["spec", "guide"] = "spec"
    timeline: Timeline = Timeline()

    tokens: dict[str, Identity] = {
        "simulator-token": Identity(email="host@example.com"),
        "simulator-admin-token": Identity(email="admin@example.com", role="admin"),
    }
    strict_owner: bool = False
    client_id: str = "simulator-client"
    client_secret: str = "simulator-secret"  # noqa: S105 - the simulator's own, documented
    consenting: Identity | None = Identity(email="host@example.com")
    authorization_codes: dict[str, Identity] = {
        "simulator-code": Identity(email="host@example.com")
    }
    refresh_tokens: dict[str, Identity] = {
        "simulator-refresh-token": Identity(email="host@example.com")
    }
    rotate_refresh_tokens: bool = False
    access_token_seconds: Lifetime = 1209599
    refresh_token_seconds: Lifetime = 7776000
    site_urls: list[str] = Field(default=["example.webex.com"], min_length=1)
    secret_marker: str = ""
    leaky: bool = False
    requests_per_minute: int | None = Field(default=None, gt=0)

    page_size_cap: int | None = Field(default=None, gt=0)
    empty_page_with_next: bool = False
    max_null_in_next: bool = False
    timeout_above_max: int | None = Field(default=None, gt=0)
    refuse_fractions: bool = True

    copies: int = Field(default=1, ge=1)
    shuffle: bool = False
    drop_ratio: Ratio = Field(default=0.0, ge=0, le=1)
    timeout_seconds: float = Field(default=5.0, gt=0)
    delivery_retries: int = Field(default=0, ge=0)
    delivery_retry_seconds: float = Field(default=0.0, ge=0)
    delivery_threads: int = Field(default=1, ge=1)
    disable_after_failures: int = Field(default=100, gt=0)
    disable_window_seconds: float = Field(default=300.0, gt=0)
    webex_signature: bool = False
    random_seed: int | None = None

    expired_link: Literal["403-json", "200-html", "302-login"] = "403-json"
    link_seconds: Lifetime = 10800
    links_at: str = ""
    media_ranges: bool = True
    media_etag: bool = True
    media_content_length: bool = True
    media_bytes_per_second: int = Field(default=0, ge=0)

    @field_validator("timeline", mode="before")
    @classmethod
    def _named_timeline(cls, value: object) -> object:
        return named_timeline(value, Timeline())

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """Return these settings with some replaced; raises pydantic.ValidationError."""
        merged = self.model_dump() | changes
        if isinstance(changes.get("timeline"), dict):
            merged["timeline"] = self.timeline.model_dump() | changes["timeline"]
        return Settings.model_validate(merged)


def named_timeline(value: object, base: Timeline) -> object:
    """Turn the names "instant" and "realistic" into timelines; leave anything else as it is."""
    if value == "instant":
        return INSTANT
    if value == "realistic":
        return Timeline()
    if isinstance(value, dict):
        return base.model_dump() | value
    return value
