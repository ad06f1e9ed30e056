"""Temporary download links: minted at every request, good for three hours, known by a ticket."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from simulator.clock import seconds_text
from simulator.ids import people_id
from simulator.model import Meeting, Recording, Transcript
from simulator.world import World

SERVLET = "/nbr/MultiThreadDownloadServlet"
LinkKind = Literal["video", "audio", "transcript"]
DeadLink = Literal["401", "403", "404", "410", "200-html", "302-login", "302-itself"]
PATHS: dict[LinkKind, str] = {
    "video": SERVLET,
    "audio": f"{SERVLET}/audio.mp3",
    "transcript": f"{SERVLET}/transcript.txt",
}
KINDS = {path: kind for kind, path in PATHS.items()}
_SITE_NUMBER = "13867087"


def download_links(recording: Recording, world: World, media_url: str) -> dict[str, str]:
    """Mint the temporaryDirectDownloadLinks of a recording."""
    now = world.now()
    links = {"recordingDownloadLink": _link("video", recording, world, media_url, now)}
    if recording.has_audio:
        links["audioDownloadLink"] = _link("audio", recording, world, media_url, now)
    if world.settings.profile == "spec" and transcript_of(recording, world) is not None:
        links["transcriptDownloadLink"] = _link("transcript", recording, world, media_url, now)
    expiration = now + timedelta(seconds=world.settings.link_seconds)
    return links | {"expiration": seconds_text(expiration)}


def transcript_of(recording: Recording, world: World) -> Transcript | None:
    """Return the transcript that was made of a recording, if it can be read by now."""
    meeting = world.meeting_of(recording)
    place = meeting.recordings.index(recording)
    if place >= len(meeting.transcripts):
        return None
    transcript = meeting.transcripts[place]
    return transcript if transcript.is_ready(world.now()) and not transcript.deleted else None


def linked_recording(
    kind: LinkKind, arguments: Mapping[str, str], world: World
) -> Recording | None:
    """Return the recording that a link of this kind opens, or None if its ticket is not good."""
    number, stamp = arguments.get("recordid", ""), arguments.get("timestamp", "")
    nonce, _, _ = arguments.get("ticket", "").rpartition(".")
    expected = _ticket(world, nonce, kind, number, stamp)
    if not hmac.compare_digest(expected.encode(), arguments.get("ticket", "").encode()):
        return None
    minted_at = datetime.fromtimestamp(int(stamp) / 1000, UTC)
    if world.now() >= minted_at + timedelta(seconds=world.settings.link_seconds):
        return None
    return world.recordings_by_number.get(number)


def new_link(kind: LinkKind, recording: Recording, world: World) -> str:
    """Mint one more link to a file of a recording."""
    return _link(kind, recording, world, world.media_url, world.now())


def _link(kind: LinkKind, recording: Recording, world: World, media_url: str, now: datetime) -> str:
    meeting: Meeting = world.meeting_of(recording)
    number, stamp = str(recording.number), str(int(now.timestamp() * 1000))
    query = {
        "siteid": _SITE_NUMBER,
        "recordid": number,
        "confid": meeting.conference_id,
        "from": "MBS",
        "trackingID": f"SIMULATOR_{world.mint.uuid()}",
        "language": "en_US",
        "userid": str(
            int(hashlib.sha256(people_id(meeting.host_email).encode()).hexdigest()[:7], 16)
        ),
        "serviceRecordID": str(recording.number + 3985),
        "ticket": _ticket(world, world.mint.secret(16), kind, number, stamp),
        "timestamp": stamp,
        "islogin": "yes",
        "isprevent": "no",
        "ispwd": "yes",
    }
    return f"{world.settings.links_at or media_url}{PATHS[kind]}?{urlencode(query)}"


def _ticket(world: World, nonce: str, kind: str, number: str, stamp: str) -> str:
    words = "/".join((nonce, kind, number, stamp)).encode()
    return f"{nonce}.{hmac.new(world.link_key.encode(), words, hashlib.sha256).hexdigest()}"
