"""What exists in the simulated Webex: meetings with their people and files, and webhooks."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from simulator import captions, mp3, mp4
from simulator.content import Blocks, Content, Literal, seeded_bytes
from simulator.ids import people_id
from simulator.settings import Timeline


@dataclass(slots=True)
class Participant:
    id: str
    email: str
    name: str
    host: bool
    co_host: bool
    number: int
    device_id: str
    joined_at: datetime
    left_at: datetime


@dataclass(slots=True)
class Recording:
    id: str
    number: int
    meeting_id: str
    topic: str
    format: str
    has_audio: bool
    prevent_download: bool
    video_bytes: int
    reported_bytes: int
    duration_seconds: int
    recorded_at: datetime
    ready_at: datetime | None
    password: str
    download_key: str
    playback_key: str
    viewer_token: str
    deleted: bool = False
    edition: str = ""
    others: list["Recording"] = field(default_factory=list)

    def is_ready(self, now: datetime) -> bool:
        return self.ready_at is not None and self.ready_at <= now

    def video(self) -> Content:
        if self.format == "ARF":
            head = Literal(b"ARF\0" + self._seed.encode())
            filler = seeded_bytes(self._seed, 4080)
            return Content((head, Blocks(b"", filler, max(0, self.video_bytes - head.length))))
        return mp4.video(self._seed, self.duration_seconds, self.video_bytes)

    def audio(self) -> Content:
        return mp3.audio(self._seed, self.duration_seconds)

    def scaled_bytes(self, ratio: float) -> int:
        """Return that many times the size, but no less than a video needs."""
        return max(min(mp4.MINIMUM_BYTES, self.video_bytes), round(self.video_bytes * ratio))

    def replace_media(self, video_bytes: int) -> None:
        """Put other media behind the links for good."""
        self.others.append(self._copy(self.edition, self.video_bytes))
        self.edition = str(len(self.others))
        self.video_bytes = self.reported_bytes = video_bytes

    def stand_in(self, video_bytes: int) -> "Recording":
        """Return a recording with other media, which may be sent in place of this one."""
        other = self._copy("stand-in", video_bytes)
        if other not in self.others:
            self.others.append(other)
        return other

    def _copy(self, edition: str, video_bytes: int) -> "Recording":
        return replace(self, edition=edition, video_bytes=video_bytes, others=[])

    @property
    def _seed(self) -> str:
        return f"{self.id}/{self.edition}" if self.edition else self.id


@dataclass(slots=True)
class Transcript:
    id: str
    meeting_id: str
    start: datetime
    lines: list[captions.Line]
    ready_at: datetime | None
    names_speakers: bool = True
    broken_bytes: bool = False
    deleted: bool = False

    def is_ready(self, now: datetime) -> bool:
        return self.ready_at is not None and self.ready_at <= now

    def edit(self, number: int, text: str) -> None:
        """Let a line say something else."""
        self.lines = [
            replace(line, text=text) if line.number == number else line for line in self.lines
        ]

    def vtt(self) -> bytes:
        return self._bytes(captions.vtt(self.lines, names=self.names_speakers))

    def txt(self) -> bytes:
        return self._bytes(captions.txt(self.lines, names=self.names_speakers))

    def _bytes(self, text: bytes) -> bytes:
        # Transcripts with bytes that are no UTF-8 were really seen.
        return text + (b"\xff\xfe \xc3\n" if self.broken_bytes else b"")


@dataclass(frozen=True, slots=True)
class Extras:
    """How much else there is of a meeting; invitees and attendees follow from the people."""

    summary: bool = False
    chats: int = 0
    polls: int = 0
    questions: int = 0
    captions: bool = False


@dataclass(slots=True)
class Meeting:
    id: str
    series_id: str
    scheduled_id: str
    scheduled_start: datetime
    title: str
    agenda: str
    host_email: str
    host_name: str
    host_user_id: str
    site_url: str
    number: str
    start: datetime
    end: datetime
    timeline: Timeline
    announces: bool
    scheduled_type: str
    auto_record: bool
    secrets: dict[str, str]
    extras: Extras = Extras()
    participants: list[Participant] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    transcripts: list[Transcript] = field(default_factory=list)

    @property
    def conference_id(self) -> str:
        return self.id.rpartition("_I_")[2] or self.id

    @property
    def duration_seconds(self) -> int:
        return max(1, round((self.end - self.start).total_seconds()))

    def has_started(self, now: datetime) -> bool:
        return self.start <= now

    def has_ended(self, now: datetime) -> bool:
        return self.end <= now

    def is_listed(self, now: datetime) -> bool:
        """Tell whether REST knows the instance: while it runs, and some time after its end."""
        return self.has_started(now) and (
            not self.has_ended(now) or self.reached(self.timeline.details, now)
        )

    def participants_are_final(self, now: datetime) -> bool:
        return self.has_ended(now) and self.reached(self.timeline.participants_final, now)

    def reached(self, delay_seconds: float | None, now: datetime) -> bool:
        moment = after(self.end, delay_seconds)
        return moment is not None and moment <= now


@dataclass(slots=True)
class Webhook:
    id: str
    name: str
    target_url: str
    resource: str
    event: str
    filter: str | None
    secret: str | None
    owned_by: str
    created_by: str
    created: str
    status: str = "active"
    failures: deque[datetime] = field(default_factory=deque)
    reactivated_at: datetime | None = None

    @property
    def created_by_id(self) -> str:
        return people_id(self.created_by)

    def payload(self) -> dict[str, Any]:
        """Return the fields that both an API answer and a delivery carry, without the secret."""
        optional = {"filter": self.filter} if self.filter else {}
        return {
            "id": self.id,
            "name": self.name,
            "targetUrl": self.target_url,
            "resource": self.resource,
            "event": self.event,
            **optional,
            "ownedBy": self.owned_by,
            "status": self.status,
            "created": self.created,
        }


def after(moment: datetime, delay_seconds: float | None) -> datetime | None:
    """Return the moment that much later; None stays None: it never comes."""
    return None if delay_seconds is None else moment + timedelta(seconds=delay_seconds)
