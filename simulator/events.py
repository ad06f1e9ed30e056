"""What happens around a meeting, turned into webhook events and put on the schedule."""

from datetime import datetime
from functools import partial
from typing import Any

from simulator.clock import seconds_text
from simulator.delivery import Courier, Event
from simulator.ids import ORGANIZATION_UUID
from simulator.model import Meeting, Participant, Recording, Transcript, after
from simulator.shapes import participant_shape, recording_shape, scheduled_shape
from simulator.timeline import Schedule
from simulator.world import World


class Happenings:
    """Puts the events of meetings and files on the schedule; call with the lock held."""

    def __init__(self, world: World, schedule: Schedule, courier: Courier) -> None:
        self._world = world
        self._schedule = schedule
        self._courier = courier

    def of_meeting(self, meeting: Meeting) -> None:
        """Schedule every event of a meeting and of the files that it has so far."""
        if not meeting.announces:
            return
        timeline = meeting.timeline
        if not meeting.has_started(self._world.now()):
            self.of_scheduled_meeting(meeting, meeting.series_id, "created")
        self._at_start(meeting)
        self._schedule.at(
            after(meeting.end, timeline.ended_webhook), lambda: self._announce(meeting, "ended")
        )
        for recording in meeting.recordings:
            self.of_recording(recording, after(meeting.end, timeline.recording_webhook))
        for transcript in meeting.transcripts:
            self.of_transcript(transcript, after(meeting.end, timeline.transcript_webhook))

    def of_scheduled_meeting(self, meeting: Meeting, planned_id: str, event: str) -> None:
        """Announce at once that a series or an occurrence was created or updated."""
        kind = "meetingSeries" if planned_id == meeting.series_id else "scheduledMeeting"
        shape = scheduled_shape(meeting, self._world, kind=kind, in_list=False)
        keys = [
            "id",
            "title",
            "meetingType",
            "state",
            "timezone",
            "start",
            "end",
            "hostUserId",
            "hostEmail",
            "siteUrl",
        ]
        data = {key: shape[key] for key in keys} | {"orgId": ORGANIZATION_UUID}
        if self._world.settings.leaky:
            data = shape | data
        self._courier.announce(_event(meeting, "meetings", event, data))

    def of_recording(
        self, recording: Recording, moment: datetime | None, event: str = "created"
    ) -> None:
        """Schedule a webhook about a recording."""
        meeting = self._world.meeting_of(recording)

        def announce() -> None:
            data = _file_data(recording.id, meeting)
            if self._world.settings.leaky:
                data = (
                    recording_shape(recording, self._world, links_at=self._world.media_url) | data
                )
            self._courier.announce(_event(meeting, "recordings", event, data))

        self._schedule.at(moment if meeting.announces else None, announce)

    def of_transcript(self, transcript: Transcript, moment: datetime | None) -> None:
        """Schedule the webhook about a new transcript."""
        meeting = self._world.meeting_of(transcript)

        def announce() -> None:
            data = _file_data(transcript.id, meeting)
            if self._world.settings.leaky:
                data = meeting.secrets | data
            self._courier.announce(_event(meeting, "meetingTranscripts", "created", data))

        self._schedule.at(moment if meeting.announces else None, announce)

    def _at_start(self, meeting: Meeting) -> None:
        self._schedule.at(
            after(meeting.start, meeting.timeline.started),
            lambda: self._announce(meeting, "started"),
        )
        if any(hook.resource == "meetingParticipants" for hook in self._world.webhooks.values()):
            for person in meeting.participants:
                self._schedule.at(
                    person.joined_at, partial(self._attended, meeting, person, "joined")
                )
                self._schedule.at(person.left_at, partial(self._attended, meeting, person, "left"))

    def _announce(self, meeting: Meeting, event: str) -> None:
        data = {
            "id": meeting.id,
            "meetingType": "meeting",
            "timezone": "UTC",
            "start": seconds_text(meeting.start),
            "hostUserId": meeting.host_user_id,
            "state": "inProgress",
            "hostEmail": meeting.host_email,
            "siteUrl": meeting.site_url,
            "orgId": ORGANIZATION_UUID,
        }
        if event == "ended":
            data |= {"state": "ended", "end": seconds_text(meeting.end)}
        if self._world.settings.leaky:
            data |= meeting.secrets
        self._courier.announce(_event(meeting, "meetings", event, data))

    def _attended(self, meeting: Meeting, person: Participant, event: str) -> None:
        shape = participant_shape(person, meeting, self._world.now())
        keys = ["id", "meetingId", "hostEmail", "state", "siteUrl"]
        data = {key: shape[key] for key in keys} | {"hostUserId": meeting.host_user_id}
        self._courier.announce(_event(meeting, "meetingParticipants", event, data))


def _file_data(item_id: str, meeting: Meeting) -> dict[str, Any]:
    return {
        "id": item_id,
        "meetingId": meeting.id,
        "scheduledMeetingId": meeting.scheduled_id,
        "meetingSeriesId": meeting.series_id,
        "hostUserId": meeting.host_user_id,
        "hostEmail": meeting.host_email,
        "siteUrl": meeting.site_url,
    }


def _event(meeting: Meeting, resource: str, event: str, data: dict[str, Any]) -> Event:
    values = {key: value for key, value in data.items() if isinstance(value, str)}
    extra = {"hostPersonId": meeting.host_user_id, "meetingNumber": meeting.number}
    return Event(resource, event, data, values | extra, meeting.host_email)
