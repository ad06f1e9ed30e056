"""Every call that Webex describes, in every role, against its own description.

What is checked and what is not, and why: see `tests/simulator/description.py`. Without the file the
fields below are.
"""

from typing import Any, Literal

import pytest
import requests

from simulator import Settings, Simulator
from simulator.settings import Identity
from tests.simulator.description import answer_problems, description, rule_of
from tests.simulator.support import TOKEN, Api, Json, Webex
from tests.simulator.test_simulator_readme import served

Role = Literal["user", "admin", "compliance"]

NOT_DESCRIBED = {"GET /authorize", "POST /access_token"}
"""Signing in is described in a guide only (Login with Webex)."""

LATER = "2121-05-14T20:25:19Z"
EXTRAS = {"summary": True, "chats": 2, "polls": 2, "questions": 2, "captions": True}
OF_MEETING = "?meetingId={meeting_id}"
POLL = "/meetings/polls/{poll_id}/questions/{poll_question_id}/respondents"
SNIPPETS = "/meetingTranscripts/{transcript_id}/snippets"

CALLS: dict[str, str] = {
    "GET /webhooks": "/webhooks",
    "GET /webhooks/<webhook_id>": "/webhooks/{webhook_id}",
    "GET /meetings": "/meetings?meetingType=meeting&state=ended",
    "GET /meetings/<meeting_id>": "/meetings/{meeting_id}",
    "GET /meetingParticipants": f"/meetingParticipants{OF_MEETING}",
    "GET /recordings": "/recordings",
    "GET /recordings/<recording_id>": "/recordings/{recording_id}",
    "GET /admin/recordings": "/admin/recordings",
    "GET /meetingTranscripts": "/meetingTranscripts",
    "GET /meetingTranscripts/<transcript_id>/download": (
        "/meetingTranscripts/{transcript_id}/download"
    ),
    "GET /meetingTranscripts/<transcript_id>/snippets": SNIPPETS,
    "GET /meetingInvitees": f"/meetingInvitees{OF_MEETING}",
    "GET /meetingSummaries": f"/meetingSummaries{OF_MEETING}",
    "GET /admin/meetingSummaries": f"/admin/meetingSummaries{OF_MEETING}",
    "GET /meetings/postMeetingChats": f"/meetings/postMeetingChats{OF_MEETING}",
    "GET /meetings/polls": f"/meetings/polls{OF_MEETING}",
    "GET /meetings/pollResults": f"/meetings/pollResults{OF_MEETING}",
    "GET /meetings/polls/<poll_id>/questions/<question_id>/respondents": f"{POLL}{OF_MEETING}",
    "GET /meetings/q_and_a": f"/meetings/q_and_a{OF_MEETING}",
    "GET /meetings/q_and_a/<question_id>/answers": (
        f"/meetings/q_and_a/{{question_id}}/answers{OF_MEETING}"
    ),
    "GET /meetingClosedCaptions": f"/meetingClosedCaptions{OF_MEETING}",
    "GET /meetingClosedCaptions/<captions_id>/snippets": (
        f"/meetingClosedCaptions/{{captions_id}}/snippets{OF_MEETING}"
    ),
    "GET /meetingReports/attendees": (
        f"/meetingReports/attendees{OF_MEETING}&siteUrl=example.webex.com"
    ),
    "GET /admin/meetingTranscripts": "/admin/meetingTranscripts?siteUrl=example.webex.com",
    "GET /people/me": "/people/me",
    "GET /meetingPreferences/sites": "/meetingPreferences/sites",
    "POST /webhooks": "/webhooks",
    "PUT /webhooks/<webhook_id>": "/webhooks/{webhook_id}",
    "PATCH /meetings/<meeting_id>": "/meetings/{series_id}",
    "PUT /meetings/<meeting_id>": "/meetings/{series_id}",
    "PUT /meetingTranscripts/<transcript_id>/snippets/<snippet_id>": (
        f"{SNIPPETS}/{{transcript_id}}_00001"
    ),
    "DELETE /webhooks/<webhook_id>": "/webhooks/{webhook_id}",
}

HOOK = {"name": "n", "targetUrl": "http://127.0.0.1:9/x", "resource": "meetings", "event": "ended"}
CHANGE = {"title": "Another", "enabledAutoRecordMeeting": True, "sendEmail": False}
BODIES: dict[str, Json] = {
    "POST /webhooks": HOOK | {"secret": "s"},
    "PUT /webhooks/<webhook_id>": {"name": "m", "targetUrl": HOOK["targetUrl"], "secret": "t"},
    "PATCH /meetings/<meeting_id>": CHANGE,
    "PUT /meetings/<meeting_id>": CHANGE | {"password": "p", "start": LATER, "end": LATER},
    "PUT /meetingTranscripts/<transcript_id>/snippets/<snippet_id>": {"text": "Better."},
}

OFFICERS_ONLY = {
    "GET /admin/meetingTranscripts",
    "GET /admin/meetingSummaries",
    "GET /meetingClosedCaptions",
    "GET /meetingClosedCaptions/<captions_id>/snippets",
}
REFUSED: dict[str, set[str]] = {
    "user": OFFICERS_ONLY | {"GET /admin/recordings"},
    "admin": OFFICERS_ONLY | {"GET /meetingSummaries"},
    "compliance": set(),
}

SUMMARY = {"id", "meetingId", "status", "notes", "actionItems"}
POLLS = {"id", "meetingId", "startTime", "endTime", "timerDuration", "displayName", "questions"}
FIELDS: dict[str, set[str]] = {
    "GET /admin/recordings": {
        *("id", "meetingId", "topic", "createTime", "timeRecorded", "siteUrl", "format"),
        *("durationSeconds", "sizeBytes", "status", "hostEmail", "hostDisplayName"),
    },
    "GET /admin/meetingTranscripts": {"id", "meetingId", "siteUrl", "startTime", "status"},
    "GET /meetingInvitees": {"id", "email", "displayName", "coHost", "panelist", "meetingId"},
    "GET /meetingSummaries": SUMMARY,
    "GET /admin/meetingSummaries": SUMMARY,
    "GET /meetings/postMeetingChats": {
        *("id", "chatTime", "text", "meetingId", "type", "sender", "receivers"),
    },
    "GET /meetings/polls": POLLS,
    "GET /meetings/pollResults": POLLS | {"totalAttendees", "totalRespondents"},
    "GET /meetings/polls/<poll_id>/questions/<question_id>/respondents": {
        *("displayName", "email", "answers"),
    },
    "GET /meetings/q_and_a": {"id", "meetingId", "displayName", "email", "question", "answers"},
    "GET /meetings/q_and_a/<question_id>/answers": {"displayName", "email", "answer", "answered"},
    "GET /meetingClosedCaptions": {"id", "meetingId", "vttDownloadLink", "txtDownloadLink"},
    "GET /meetingClosedCaptions/<captions_id>/snippets": {
        *("id", "text", "personName", "personEmail", "offsetMillisecond", "durationMillisecond"),
    },
    "GET /meetingReports/attendees": {
        *("meetingId", "meetingNumber", "meetingTitle", "displayName", "email", "joinedTime"),
        *("leftTime", "duration", "participantType"),
    },
}


def ids_of(webex: Webex, meeting: Json) -> dict[str, str]:
    """The ids that the paths above take."""
    which = {"meetingId": meeting["meeting_id"]}
    poll = webex.api.items("/meetings/polls", **which)[0]
    hook = webex.api.register("http://127.0.0.1:9/x", "recordings", "created")
    return {
        "meeting_id": meeting["meeting_id"],
        "series_id": meeting["series_id"],
        "recording_id": meeting["recording_ids"][0],
        "transcript_id": meeting["transcript_ids"][0],
        "webhook_id": hook["id"],
        "poll_id": poll["id"],
        "poll_question_id": poll["questions"][0]["id"],
        "question_id": webex.api.items("/meetings/q_and_a", **which)[0]["id"],
        "captions_id": meeting["meeting_id"].partition("_I_")[2] + "cc",
    }


def wrong_with(call: str, path: str, answer: requests.Response) -> list[str]:
    """What is wrong with an answer, by the description and by the fields above."""
    if answer.status_code == 204 and call.startswith("DELETE"):
        return []
    if answer.status_code != 200:
        return [f"{call}: {answer.status_code}"]
    found: list[str] = []
    if description() is not None:
        method, rule = call.split()[0], rule_of(path.partition("?")[0])
        found += answer_problems(f"{method} {rule}", answer)
    if call in FIELDS:
        items: list[dict[str, Any]] = answer.json()["items"]
        found += [f"{call}: it is empty"] * (not items)
        found += [f"{call}: no {name}" for each in items for name in FIELDS[call] - set(each)]
    return found


@pytest.mark.parametrize("role", ["user", "admin", "compliance"])
def test_every_answer_in_every_role_is_as_described(role: Role) -> None:
    tokens = {TOKEN: Identity(email="host@example.com", role=role)}
    with Simulator(Settings(tokens=tokens)) as simulator, Api(simulator.api_url) as api:
        simulator.control.freeze()
        webex = Webex(simulator, api)
        ids = ids_of(webex, webex.meeting(extras=EXTRAS, participant_count=5))
        paths = {call: path.format(**ids) for call, path in CALLS.items()}
        answers = {
            call: api.call(call.split()[0], path, json=BODIES.get(call))
            for call, path in paths.items()
        }

    refused = {call for call, answer in answers.items() if answer.status_code == 403}
    assert refused == REFUSED[role]
    wrong = [wrong_with(call, paths[call], answers[call]) for call in answers.keys() - refused]
    assert [problem for found in wrong for problem in found] == []


def test_no_call_that_the_simulator_serves_is_left_out() -> None:
    assert set(CALLS) == served() - NOT_DESCRIBED


def test_a_meeting_in_progress_is_as_described(webex: Webex) -> None:
    meeting = webex.simulator.control.hold_meeting(start="2021-05-14T20:25:19Z", end=LATER)
    webex.simulator.control.settle()
    paths = (
        f"/meetings/{meeting['meeting_id']}",
        "/meetings?meetingType=meeting&state=inProgress&from=2021-05-14T00:00:00Z&to=2021-05-15T00:00:00Z",
        f"/meetingParticipants?meetingId={meeting['meeting_id']}",
    )

    assert [wrong_with("GET", path, webex.api.get(path)) for path in paths] == [[]] * 3
    assert webex.api.json(paths[0])["state"] == "inProgress"
    assert len(webex.api.items(paths[1])) == 1
