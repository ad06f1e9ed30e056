"""Planned meetings: listed, and set to be recorded by themselves when they begin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.errors import WebexError
from app.models.webex import MeetingDetails
from app.webex.addresses import part
from app.webex.client import WebexClient
from app.webex.resources import gather, host, windows

_REFUSED = (400, 405, 415, 501)
"""Statuses that may be about the form of a request, and not about what it asks for."""

_WRITTEN = (
    *("title", "agenda", "password", "start", "end", "timezone", "recurrence"),
    *("allowAnyUserToBeCoHost", "enabledJoinBeforeHost", "enableConnectAudioBeforeHost"),
    *("joinBeforeHostMinutes", "excludePassword", "publicMeeting", "reminderTime"),
    *("unlockedMeetingJoinSecurity", "sessionTypeId", "enabledWebcastView", "panelistPassword"),
    *("enableAutomaticLock", "automaticLockMinutes", "allowFirstUserToBeCoHost"),
    *("allowAuthenticatedDevices", "meetingOptions", "attendeePrivileges", "integrationTags"),
    *("enabledBreakoutSessions", "trackingCodes", "enabledAudioWatermark"),
    *("enabledVisualWatermark", "visualWatermarkOpacity", "audioConnectionOptions"),
    *("requireAttendeeLogin", "restrictToInvitees", "enabledLiveStream", "liveStream"),
)
"""What Webex takes in a PUT of a meeting, out of all that a GET tells."""


def planned(
    client: WebexClient, *, since: datetime, until: datetime, host_email: str | None = None
) -> list[MeetingDetails]:
    """The meeting series that take place in a span of time, and occurrences unlike their series.

    Raises PartialList, which brings those that Webex could read, where it could not read all.
    """
    kinds: tuple[dict[str, Any], ...] = (
        {"meetingType": "meetingSeries"},
        {"meetingType": "scheduledMeeting", "isModified": "true"},
    )
    return gather(
        MeetingDetails,
        [
            client.pages("/meetings", {**kind, **window, **host(host_email)})
            for kind in kinds
            for window in windows(since, until)
        ],
    )


def ended(
    client: WebexClient, *, since: datetime, until: datetime, host_email: str | None = None
) -> list[MeetingDetails]:
    """The meetings that took place in a span of time; administrators see their organization's."""
    which = {"meetingType": "meeting", "state": "ended", **host(host_email)}
    lists = [client.pages("/meetings", {**which, **each}) for each in windows(since, until)]
    return gather(MeetingDetails, lists)


def let_record(
    client: WebexClient, meeting_id: str, *, on: bool, host_email: str | None = None
) -> bool | None:
    """Let a series or an occurrence be recorded when it begins, or not; nobody gets a mail.

    What Webex says about it afterwards, None if nothing. A PATCH is sent as JSON; the description
    of the API asks for another type of content, so where it is refused that one follows, and
    then a PUT of the whole meeting as it is. Raises WebexError.
    """
    path = f"/meetings/{part(meeting_id)}"
    wish = {"enabledAutoRecordMeeting": on, "sendEmail": False, **host(host_email)}
    for content_type in ("application/json", "application/json-patch+json"):
        try:
            return _said(client.send("PATCH", path, wish, content_type=content_type))
        except WebexError as error:
            if error.status not in _REFUSED:
                raise
    whole = client.get(path, host(host_email))
    kept = {name: whole[name] for name in _WRITTEN if name in whole}
    return _said(client.send("PUT", path, {**kept, **wish}))


def _said(answer: Mapping[str, Any]) -> bool | None:
    said = answer.get("enabledAutoRecordMeeting")
    return said if isinstance(said, bool) else None
