"""Meetings being held: from a short order to people, files and a schedule of what happens when."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from simulator import captions, mp4
from simulator.captions import Speaker
from simulator.clock import parsed
from simulator.faults import Fault
from simulator.ids import Mint, instance_id, people_id, scheduled_id
from simulator.media_faults import with_names_resolved
from simulator.model import Extras, Meeting, Participant, Recording, Transcript, after
from simulator.settings import Lifetime, Seconds, Timeline, named_timeline
from simulator.world import World

_NAMES = ("Alice Example", "Zoë Müller-Peña", "Bob Sample", "Guest Caller", "Carol Demo")
_FIRST_RECORDING_NUMBER = 220437037
_MOST = 10_000

Count = Annotated[int, Field(ge=0, le=_MOST)]


class OrderError(ValueError):
    """The order asks for something that cannot be held."""


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ParticipantOrder(_Order):
    display_name: str
    email: str = ""
    host: bool = False
    co_host: bool = False


class RecordingOrder(_Order):
    id: str | None = None
    bytes: int = Field(default=200_000, ge=1)
    reported_bytes: int | None = None
    audio: bool = True
    prevent_download: bool = False
    format: Literal["MP4", "ARF", "UPLOADED"] = "MP4"
    topic: str | None = None
    starts_after_seconds: Seconds = None
    delay_seconds: Seconds = None
    webhook_delay_seconds: Seconds = None
    faults: list[Fault] = []

    @field_validator("faults", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return with_names_resolved(value) if isinstance(value, list) else value


class TranscriptOrder(_Order):
    id: str | None = None
    snippets: Count = 12
    names_speakers: bool = True
    broken_bytes: bool = False
    starts_after_seconds: Seconds = None
    delay_seconds: Seconds = None
    webhook_delay_seconds: Seconds = None


class ExtrasOrder(_Order):
    summary: bool = False
    chats: Count = 0
    polls: Count = 0
    questions: Count = 0
    captions: bool = False


class MeetingOrder(_Order):
    """The body of POST /_control/meetings; the README explains each field."""

    title: str = "Weekly sync"
    agenda: str = "Invented by the simulator"
    host_email: str = "host@example.com"
    host_name: str = "Harriet Host"
    site_url: str = "example.webex.com"
    series_id: str | None = None
    meeting_id: str | None = None
    scheduled_start: AwareDatetime | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    duration_seconds: Lifetime = 95
    participants: list[ParticipantOrder] | None = None
    participant_count: int = Field(default=4, ge=1, le=_MOST)
    recordings: list[RecordingOrder] = [RecordingOrder()]
    transcripts: list[TranscriptOrder] = [TranscriptOrder()]
    extras: ExtrasOrder = ExtrasOrder()
    timeline: Timeline | None = None
    webhooks: bool = True
    scheduled_type: Literal["meeting", "webinar", "personalRoomMeeting"] = "meeting"
    auto_record: bool = False

    @field_validator("recordings", "transcripts", mode="before")
    @classmethod
    def _counted(cls, value: object) -> object:
        if not isinstance(value, int):
            return value
        if value > _MOST:
            raise ValueError(f"must be {_MOST} at most")
        return [{} for _ in range(value)]

    @field_validator("start", "end", "scheduled_start", mode="before")
    @classmethod
    def _utc(cls, value: object) -> object:
        return parsed(value) if isinstance(value, str) else value


def read_meeting_order(body: dict[str, Any], world: World) -> MeetingOrder:
    """Read an order whose timeline may name only what differs from the settings."""
    if "timeline" in body:
        timeline = named_timeline(body["timeline"], world.settings.timeline)
        body = body | {"timeline": timeline}
    return MeetingOrder.model_validate(body)


def hold_meeting(order: MeetingOrder, world: World) -> Meeting:
    """Add the meeting with all that it will ever have; the schedule is made elsewhere."""
    _check_files(order, world)
    start, end = _times(order, world.now())
    series_id, meeting_id = _instance_ids(order, world)
    scheduled_start = order.scheduled_start or _nearest_half_hour(start)
    meeting = Meeting(
        id=meeting_id,
        series_id=series_id,
        scheduled_id=scheduled_id(series_id, scheduled_start.astimezone(UTC)),
        scheduled_start=scheduled_start,
        title=order.title,
        agenda=order.agenda,
        host_email=order.host_email,
        host_name=order.host_name,
        host_user_id=people_id(order.host_email),
        site_url=order.site_url,
        number=world.mint.digits(10),
        start=start,
        end=end,
        timeline=order.timeline or world.settings.timeline,
        announces=order.webhooks,
        scheduled_type=order.scheduled_type,
        auto_record=order.auto_record,
        secrets=_meeting_secrets(world.mint),
        extras=Extras(**order.extras.model_dump()),
    )
    meeting.participants = _participants(order, meeting, world.mint)
    world.add_meeting(meeting)
    for recording in order.recordings:
        record(recording, meeting, world, ready_at=after(end, meeting.timeline.recordings))
    for transcript in order.transcripts:
        transcribe(transcript, meeting, world, ready_at=after(end, meeting.timeline.transcripts))
    return meeting


def record(
    order: RecordingOrder, meeting: Meeting, world: World, *, ready_at: datetime | None
) -> Recording:
    """Add one recording to a meeting."""
    _check_recording(order, world)
    count = len(meeting.recordings) + 1
    recording = Recording(
        id=order.id or world.mint.hex32(),
        number=_FIRST_RECORDING_NUMBER + len(world.recordings),
        meeting_id=meeting.id,
        topic=order.topic or f"{meeting.title}-{meeting.start:%Y%m%d %H%M}-{count}",
        format=order.format,
        has_audio=order.audio,
        prevent_download=order.prevent_download,
        video_bytes=order.bytes,
        reported_bytes=order.reported_bytes or order.bytes,
        duration_seconds=max(1, meeting.duration_seconds * 9 // 10),
        recorded_at=_begun(meeting, order.starts_after_seconds, meeting.duration_seconds // 10),
        ready_at=ready_at,
        password=world.mint.secret(8),
        download_key=world.mint.secret(32),
        playback_key=world.mint.secret(32),
        viewer_token=world.mint.secret(32),
    )
    world.add_recording(recording)
    return recording


def transcribe(
    order: TranscriptOrder, meeting: Meeting, world: World, *, ready_at: datetime | None
) -> Transcript:
    """Add one transcript to a meeting; its words are spread over the meeting's speakers."""
    _check_transcript(order, world)
    speakers = [
        Speaker(person.name, person.email, person.number) for person in meeting.participants
    ]
    topic = f"{meeting.title}, part {len(meeting.transcripts) + 1}"
    transcript = Transcript(
        id=order.id or f"{world.mint.uuid()}_M_{meeting.series_id}",
        meeting_id=meeting.id,
        start=_begun(meeting, order.starts_after_seconds, 3),
        lines=captions.spoken_lines(speakers, order.snippets, meeting.duration_seconds, topic),
        ready_at=ready_at,
        names_speakers=order.names_speakers,
        broken_bytes=order.broken_bytes,
    )
    world.add_transcript(transcript)
    return transcript


def _begun(meeting: Meeting, told_seconds: float | None, usual_seconds: float) -> datetime:
    """When something began that began so long after the meeting did."""
    seconds = usual_seconds if told_seconds is None else told_seconds
    return min(meeting.start + timedelta(seconds=seconds), meeting.end)


def _check_recording(order: RecordingOrder, world: World) -> None:
    check_size(order.format, order.bytes)
    if order.id in world.recordings:
        raise OrderError(f"There is a recording {order.id} already.")


def check_size(format_name: str, video_bytes: int) -> None:
    """Refuse a video that no player could play; raises OrderError."""
    if format_name != "ARF" and video_bytes < mp4.MINIMUM_BYTES:
        raise OrderError(f"A playable video needs at least {mp4.MINIMUM_BYTES} bytes.")


def _check_transcript(order: TranscriptOrder, world: World) -> None:
    if order.id in world.transcripts:
        raise OrderError(f"There is a transcript {order.id} already.")


def _check_files(order: MeetingOrder, world: World) -> None:
    """Refuse the whole order before any of it exists."""
    said = order.extras.chats or order.extras.polls or order.extras.questions
    if said and order.participants == []:
        raise OrderError("Chats, polls and questions need somebody who was there.")
    for recording in order.recordings:
        _check_recording(recording, world)
    for transcript in order.transcripts:
        _check_transcript(transcript, world)


def _times(order: MeetingOrder, now: datetime) -> tuple[datetime, datetime]:
    length = timedelta(seconds=order.duration_seconds)
    if order.start and order.end:
        start, end = order.start, order.end
    elif order.start:
        start, end = order.start, order.start + length
    else:
        end = order.end or now
        start = end - length
    if end < start:
        raise OrderError("The meeting would end before it starts.")
    return start.astimezone(UTC), end.astimezone(UTC)


def _instance_ids(order: MeetingOrder, world: World) -> tuple[str, str]:
    given = order.meeting_id.partition("_I_")[0] if order.meeting_id else None
    series_id = order.series_id or given or world.mint.hex32()
    meeting_id = order.meeting_id or instance_id(series_id, world.mint.digits(18))
    if meeting_id in world.meetings:
        raise OrderError(f"There is a meeting {meeting_id} already.")
    return series_id, meeting_id


def _nearest_half_hour(moment: datetime) -> datetime:
    """Return the full or half hour nearest to the moment: people join early and late."""
    half_hour = 1800
    return datetime.fromtimestamp(round(moment.timestamp() / half_hour) * half_hour, UTC)


def _meeting_secrets(mint: Mint) -> dict[str, str]:
    return {
        "password": mint.secret(8),
        "phoneAndVideoSystemPassword": mint.secret_digits(8),
        "hostKey": mint.secret_digits(6),
        "accessCode": mint.secret_digits(10),
    }


def _participants(order: MeetingOrder, meeting: Meeting, mint: Mint) -> list[Participant]:
    people = order.participants
    if people is None:
        people = [ParticipantOrder(display_name=order.host_name, email=order.host_email, host=True)]
        people += [_invented(number) for number in range(order.participant_count - 1)]
    return [_participant(person, place, meeting, mint) for place, person in enumerate(people)]


def _invented(number: int) -> ParticipantOrder:
    name = _NAMES[number % len(_NAMES)]
    if number >= len(_NAMES):
        name = f"{name} {number // len(_NAMES) + 1}"
    # People who dial in or join as guests have no address.
    email = "" if number % 3 == 2 else f"attendee{number + 1}@example.com"
    return ParticipantOrder(display_name=name, email=email, co_host=number == 0)


def _participant(person: ParticipantOrder, place: int, meeting: Meeting, mint: Mint) -> Participant:
    late = min(place * 2, meeting.duration_seconds // 4)
    return Participant(
        id=f"{meeting.id}_{mint.uuid()}",
        email=person.email,
        name=person.display_name,
        host=person.host,
        co_host=person.co_host,
        number=int(mint.digits(10)),
        device_id=mint.uuid(),
        joined_at=meeting.start + timedelta(seconds=late),
        left_at=meeting.end - timedelta(seconds=late // 2),
    )
