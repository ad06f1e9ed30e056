"""The JSON of the API: what a meeting, a file or a person looks like in each payload profile."""

from datetime import datetime
from typing import Any

from simulator.captions import Line
from simulator.clock import milliseconds_text, seconds_text
from simulator.extras import FLAGS
from simulator.ids import ORGANIZATION_UUID
from simulator.links import download_links
from simulator.model import Meeting, Participant, Recording, Transcript
from simulator.world import World

_UNKNOWN_TIME = "1970-01-01T00:00:00.000Z"
_GUIDE_INSTANCE_FIELDS = [
    "id",
    "title",
    "meetingType",
    "state",
    "timezone",
    "start",
    "end",
    "hostUserId",
    "hostDisplayName",
    "hostEmail",
    "siteUrl",
]

Shape = dict[str, Any]


def instance_shape(meeting: Meeting, world: World, *, in_list: bool) -> Shape:
    """Return a meeting that runs or ran; only lists name its series and the has... flags."""
    now = world.now()
    shape = {
        "id": meeting.id,
        "title": meeting.title,
        "agenda": meeting.agenda,
        "meetingType": "meeting",
        **_times(meeting, now),
        **_host(meeting),
        "webLink": f"https://{meeting.site_url}/join/j.php?MTID={meeting.id}",
        # A meeting in somebody's personal room counts as a plain one once it takes place.
        "scheduledType": "webinar" if meeting.scheduled_type == "webinar" else "meeting",
    }
    if world.settings.leaky:
        shape |= _meeting_secrets(meeting)
    if in_list:
        shape |= {"meetingSeriesId": meeting.series_id, "scheduledMeetingId": meeting.scheduled_id}
        if meeting.has_ended(now):
            shape |= content_flags(meeting, now)
    elif world.settings.profile == "guide" and not world.settings.leaky:
        shape = {key: shape[key] for key in _GUIDE_INSTANCE_FIELDS if key in shape}
    return shape


def content_flags(meeting: Meeting, now: datetime) -> dict[str, bool]:
    """Return what an ended meeting has; a recording counts even after it was deleted."""
    return {
        "hasRecording": any(item.is_ready(now) for item in meeting.recordings),
        "hasTranscription": any(item.is_ready(now) for item in meeting.transcripts),
        **{name: has(meeting) for name, has in FLAGS.items()},
        "hasSlido": False,
    }


def scheduled_shape(meeting: Meeting, world: World, *, kind: str, in_list: bool) -> Shape:
    """Return the series (kind meetingSeries) or the occurrence (scheduledMeeting) of a meeting."""
    is_series = kind == "meetingSeries"
    own_id = meeting.series_id if is_series else meeting.scheduled_id
    now = world.now()
    shape = {
        "id": own_id,
        "meetingNumber": meeting.number,
        "title": meeting.title,
        "agenda": meeting.agenda,
        "meetingType": kind,
        "state": _scheduled_state(meeting, now, is_series=is_series),
        "timezone": "UTC",
        "start": seconds_text(meeting.scheduled_start),
        "end": seconds_text(meeting.scheduled_start + (meeting.end - meeting.start)),
        **_host(meeting),
        **_meeting_secrets(meeting),
        "webLink": f"https://{meeting.site_url}/join/j.php?MTID=m{meeting.series_id}",
        "sipAddress": f"{meeting.number}@{meeting.site_url}",
        "dialInIpAddress": "192.0.2.100",
        "enabledAutoRecordMeeting": meeting.auto_record,
        "allowAnyUserToBeCoHost": False,
        "enabledJoinBeforeHost": False,
        "enableConnectAudioBeforeHost": False,
        "joinBeforeHostMinutes": 0,
        "allowFirstUserToBeCoHost": False,
        "allowAuthenticatedDevices": False,
    }
    if world.settings.profile == "spec":
        shape |= {"publicMeeting": False, "excludePassword": False}
        shape |= {"scheduledType": meeting.scheduled_type}
        shape |= {"enabledBreakoutSessions": False, "unlockedMeetingJoinSecurity": "allowJoin"}
    if in_list:
        shape |= {"meetingSeriesId": meeting.series_id}
        shape |= {} if is_series else {"isModified": own_id in world.patches}
    return shape | world.patches.get(meeting.series_id, {}) | world.patches.get(own_id, {})


def recording_shape(recording: Recording, world: World, *, links_at: str | None = None) -> Shape:
    """Return a recording; with links_at, the media address, fresh download links stand in it."""
    meeting = world.meeting_of(recording)
    site = f"https://{meeting.site_url}/{meeting.site_url.partition('.')[0]}"
    shape: Shape = {
        "id": recording.id,
        "meetingId": meeting.id,
        "scheduledMeetingId": meeting.scheduled_id,
        "meetingSeriesId": meeting.series_id,
        "topic": recording.topic,
        "createTime": seconds_text(recording.ready_at or meeting.end),
        "siteUrl": meeting.site_url,
        "playbackUrl": f"{site}/ldr.php?RCID={recording.playback_key}",
        "password": recording.password,
        "format": recording.format,
        "durationSeconds": recording.duration_seconds,
        "sizeBytes": recording.reported_bytes,
        "shareToMe": False,
    }
    if not recording.prevent_download:
        shape["downloadUrl"] = f"{site}/lsr.php?RCID={recording.download_key}"
    if world.settings.profile == "spec":
        shape["timeRecorded"] = seconds_text(recording.recorded_at)
        shape["serviceType"] = "MeetingCenter"
        shape["status"] = "deleted" if recording.deleted else "available"
    if world.settings.leaky:
        shape["recordingViewerInfoToken"] = recording.viewer_token
        links_at = links_at or world.media_url
    if links_at is not None and not recording.prevent_download:
        shape["temporaryDirectDownloadLinks"] = download_links(recording, world, links_at)
    return shape


def transcript_shape(transcript: Transcript, world: World, api_url: str) -> Shape:
    meeting = world.meeting_of(transcript)
    link = f"{api_url}/meetingTranscripts/{transcript.id}/download?meetingId={meeting.id}&format="
    shape = {
        "id": transcript.id,
        "meetingId": meeting.id,
        "startTime": seconds_text(transcript.start),
        "vttDownloadLink": f"{link}vtt",
        "txtDownloadLink": f"{link}txt",
    }
    if world.settings.profile == "guide":
        return shape
    return shape | {
        "startTime": milliseconds_text(transcript.start),
        "siteUrl": meeting.site_url,
        "meetingTopic": meeting.title,
        "scheduledMeetingId": meeting.scheduled_id,
        "meetingSeriesId": meeting.series_id,
        "hostUserId": meeting.host_user_id,
        "status": "deleted" if transcript.deleted else "available",
    }


def snippet_shapes(transcript: Transcript, world: World) -> list[Shape]:
    is_guide = world.settings.profile == "guide"
    offset, duration = (
        ("offset", "duration") if is_guide else ("offsetMillisecond", "durationMillisecond")
    )
    return [
        {
            "id": f"{transcript.id}_{line.number:05}",
            "text": line.text,
            **(_speaker(line) if transcript.names_speakers else {}),
            offset: line.offset_milliseconds,
            duration: line.duration_milliseconds,
        }
        for line in transcript.lines
    ]


def _speaker(line: Line) -> Shape:
    return {"personName": line.speaker.name, "personEmail": line.speaker.email}


def participant_shape(person: Participant, meeting: Meeting, now: datetime) -> Shape:
    """Return a person; joining and leaving are unknown in two ways until they are final."""
    device: Shape = {
        "correlationId": person.device_id,
        "deviceType": "webex_meeting_center_mac",
        "audioType": "voip" if person.email else "pstn",
    }
    if meeting.participants_are_final(now):
        times = {
            "joinedTime": seconds_text(person.joined_at),
            "leftTime": seconds_text(person.left_at),
        }
        seconds = int((person.left_at - person.joined_at).total_seconds())
        device |= {**times, "durationSecond": seconds}
    elif meeting.has_ended(now) and person.number % 2:
        times = {"joinedTime": _UNKNOWN_TIME, "leftTime": _UNKNOWN_TIME}
    elif meeting.has_ended(now):
        times = {"joinedTime": seconds_text(person.joined_at)}
    else:
        times = {"joinedTime": seconds_text(person.joined_at), "leftTime": _UNKNOWN_TIME}
    return {
        "id": person.id,
        **({} if meeting.has_ended(now) else {"orgId": ORGANIZATION_UUID}),
        "host": person.host,
        "coHost": person.co_host,
        "spaceModerator": False,
        "email": person.email,
        "displayName": person.name,
        "invitee": bool(person.email),
        "muted": False,
        "meetingStartTime": seconds_text(meeting.start),
        "video": "on" if person.email else "off",
        "state": "end" if meeting.has_ended(now) else "joined",
        **times,
        "siteUrl": meeting.site_url,
        "meetingId": meeting.id,
        "hostEmail": meeting.host_email,
        "devices": [device],
    }


def _times(meeting: Meeting, now: datetime) -> Shape:
    times = {"state": "inProgress", "timezone": "UTC", "start": seconds_text(meeting.start)}
    if meeting.has_ended(now):
        times |= {"state": "ended", "end": seconds_text(meeting.end)}
    return times


def _host(meeting: Meeting) -> Shape:
    return {
        "hostUserId": meeting.host_user_id,
        "hostDisplayName": meeting.host_name,
        "hostEmail": meeting.host_email,
        "siteUrl": meeting.site_url,
    }


def _meeting_secrets(meeting: Meeting) -> Shape:
    secrets = dict(meeting.secrets)
    access_code = secrets.pop("accessCode")
    numbers = [{"label": "Toll", "callInNumber": "+15550100", "tollType": "toll"}]
    return secrets | {"telephony": {"accessCode": access_code, "callInNumbers": numbers}}


def _scheduled_state(meeting: Meeting, now: datetime, *, is_series: bool) -> str:
    if is_series:
        return "expired" if meeting.has_ended(now) else "active"
    if meeting.has_ended(now):
        return "ended"
    return "inProgress" if meeting.has_started(now) else "scheduled"
