"""All state of the simulator, in memory, behind one lock."""

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import Clock
from simulator.ids import Mint
from simulator.model import Meeting, Recording, Transcript, Webhook
from simulator.settings import Identity, Settings

_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Grant:
    """A token that was handed out, and until when it works."""

    identity: Identity
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody agreed to, until its code is redeemed."""

    identity: Identity
    redirect_uri: str
    challenge: str | None


class World:
    """Hold `lock` while touching anything here; `changed` is told whenever work may be due."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.stopping = threading.Event()
        self.settings = settings
        self.clock = Clock()
        self.mint = Mint(settings.random_seed, settings.secret_marker)
        self.meetings: dict[str, Meeting] = {}
        self.meetings_by_any_id: dict[str, list[Meeting]] = {}
        self.recordings: dict[str, Recording] = {}
        self.recordings_by_number: dict[str, Recording] = {}
        self.transcripts: dict[str, Transcript] = {}
        self.patches: dict[str, dict[str, Any]] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.tokens = TokenBook(self)
        self.budgets = Budgets(self)
        self.link_key = self.mint.hex32()
        self.dead_tickets: dict[str, str] = {}
        self.media_url = ""

    def now(self) -> datetime:
        return self.clock.now()

    def change_settings(self, settings: Settings) -> None:
        self.settings = settings
        self.mint.marker = settings.secret_marker
        self.changed.notify_all()

    def add_meeting(self, meeting: Meeting) -> None:
        self.meetings[meeting.id] = meeting
        for key in {meeting.id, meeting.series_id, meeting.scheduled_id}:
            self.meetings_by_any_id.setdefault(key, []).append(meeting)

    def add_recording(self, recording: Recording) -> None:
        self.meetings[recording.meeting_id].recordings.append(recording)
        self.recordings[recording.id] = recording
        self.recordings_by_number[str(recording.number)] = recording

    def add_transcript(self, transcript: Transcript) -> None:
        self.meetings[transcript.meeting_id].transcripts.append(transcript)
        self.transcripts[transcript.id] = transcript

    def meetings_of(self, any_id: str) -> list[Meeting]:
        """Return the meetings of a series, occurrence or instance id, oldest first."""
        return sorted(self.meetings_by_any_id.get(any_id, ()), key=lambda meeting: meeting.start)

    def meeting_of(self, item: Recording | Transcript) -> Meeting:
        return self.meetings[item.meeting_id]


@dataclass(slots=True)
class TokenBook:
    """Who may call: the tokens of the settings, and those handed out since."""

    world: World
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    codes: dict[str, Consent] = field(default_factory=dict)

    def caller(self, token: str) -> Identity | None:
        """Return whose access token it is, or None if it is unknown or over."""
        if token in self.expired:
            return None
        grant = self.access.get(token)
        if grant is None:
            return self.world.settings.tokens.get(token)
        return grant.identity if _lasts(grant, self.world.now()) else None

    def refresher(self, token: str) -> Grant | None:
        grant = self.refresh.get(token)
        if grant is None and token in self.world.settings.refresh_tokens:
            grant = Grant(self.world.settings.refresh_tokens[token], self._refresh_end())
            self.refresh[token] = grant
        return grant if grant is not None and _lasts(grant, self.world.now()) else None

    def issue_access(self, identity: Identity) -> str:
        token = self.world.mint.secret(32)
        lifetime = timedelta(seconds=self.world.settings.access_token_seconds)
        self.access[token] = Grant(identity, self.world.now() + lifetime)
        return token

    def issue_refresh(self, identity: Identity) -> str:
        token = self.world.mint.secret(32)
        self.refresh[token] = Grant(identity, self._refresh_end())
        return token

    def issue_code(self, consent: Consent) -> str:
        code = self.world.mint.secret(32)
        self.codes[code] = consent
        return code

    def add(self, token: str, identity: Identity) -> None:
        self.access[token] = Grant(identity, None)
        self.expired.discard(token)

    def expire(self, tokens: Iterable[str] | None) -> list[str]:
        """End the given access tokens, or all that exist."""
        ended = list({*self.access, *self.world.settings.tokens} if tokens is None else tokens)
        self.expired.update(ended)
        return ended

    def _refresh_end(self) -> datetime:
        return self.world.now() + timedelta(seconds=self.world.settings.refresh_token_seconds)


@dataclass(slots=True)
class Budgets:
    """Who asked how often in the last minute: Webex counts by person, whatever the token."""

    world: World
    asked: dict[str, list[datetime]] = field(default_factory=dict)

    def wait_seconds(self, email: str) -> int:
        """Count one request, or say in how many whole seconds there is room for it."""
        limit = self.world.settings.requests_per_minute
        if limit is None:
            return 0
        now = self.world.now()
        # A clock that was set back has a future behind it.
        recent = [each for each in self.asked.get(email, ()) if now - _MINUTE < each <= now]
        self.asked[email] = recent
        if len(recent) < limit:
            recent.append(now)
            return 0
        return math.ceil((recent[-limit] + _MINUTE - now).total_seconds())


def _lasts(grant: Grant, now: datetime) -> bool:
    return grant.expires_at is None or now < grant.expires_at
