"""What else Webex keeps of a meeting, from its summary to the report about its attendees."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import seconds_text
from simulator.ids import ORGANIZATION_UUID, people_id
from simulator.model import Meeting, Participant

Shape = dict[str, Any]

_COLOURS = ("Green", "Blue", "Red")


@dataclass(frozen=True, slots=True)
class Nested:
    """A list inside an item, of which the item itself shows only the first ones."""

    owner_id: str
    items: list[Shape]


def summaries(meeting: Meeting) -> list[Shape]:
    if not meeting.extras.summary:
        return []
    return [
        {
            "id": f"{meeting.id}_summary",
            "meetingId": meeting.id,
            "status": "available",
            "notes": {"content": f"<h3>{meeting.title}</h3><p>It was about x &lt; y.</p>"},
            "actionItems": [{"content": "Harriet sends the numbers."}],
        }
    ]


def chats(meeting: Meeting) -> list[Shape]:
    people = meeting.participants
    return [
        {
            "id": f"{meeting.id}_chat_{number}",
            "chatTime": seconds_text(_moment(meeting, number, meeting.extras.chats)),
            "text": f"Message {number + 1} 👋",
            "meetingId": meeting.id,
            "type": "public",
            "sender": _person(people[number % len(people)]),
            "receivers": [_person(each) for each in people[:2]],
        }
        for number in range(meeting.extras.chats)
    ]


def polls(meeting: Meeting) -> list[Shape]:
    return [_poll(meeting, number) for number in range(meeting.extras.polls)]


def poll_results(meeting: Meeting) -> list[tuple[Shape, Nested]]:
    """Return the polls with their results, and all respondents of the one question of each."""
    results = []
    for number in range(meeting.extras.polls):
        poll = _poll(meeting, number)
        question = poll["questions"][0]
        respondents = [
            {"displayName": each.name, "email": each.email, "answers": [_COLOURS[place % 3]]}
            for place, each in enumerate(meeting.participants)
        ]
        answers = [
            {
                **option,
                "totalRespondents": sum(r["answers"] == [option["value"]] for r in respondents),
            }
            for option in question["options"]
        ]
        shown = {key: question[key] for key in ("id", "order", "title", "type")}
        shape = {
            **poll,
            "totalAttendees": len(meeting.participants),
            "totalRespondents": len(respondents),
            "questions": [shown | {"answerSummary": answers}],
        }
        results.append((shape, Nested(f"{poll['id']}/questions/{question['id']}", respondents)))
    return results


def questions(meeting: Meeting) -> list[tuple[Shape, Nested]]:
    """Return the questions that were asked, and all answers to each."""
    found = []
    for number in range(meeting.extras.questions):
        asker = meeting.participants[number % len(meeting.participants)]
        question_id = f"{meeting.id}_question_{number}"
        answers = [
            {"displayName": each.name, "email": each.email, "answer": ["Yes."], "answered": True}
            for each in meeting.participants
        ]
        shape = {
            "id": question_id,
            "meetingId": meeting.id,
            "totalAttendees": len(meeting.participants),
            "totalRespondents": len(answers),
            "displayName": asker.name,
            "email": asker.email,
            "question": f"Question {number + 1}?",
        }
        found.append((shape, Nested(question_id, answers)))
    return found


def captions(meeting: Meeting) -> list[Shape]:
    if not meeting.extras.captions:
        return []
    address = f"http://{meeting.site_url}/v1/meetingClosedCaptions/{caption_id(meeting)}/download"
    return [
        {
            "id": caption_id(meeting),
            "meetingId": meeting.id,
            "vttDownloadLink": f"{address}?format=vtt",
            "txtDownloadLink": f"{address}?format=txt",
            "start": seconds_text(meeting.start),
        }
    ]


def caption_snippets(meeting: Meeting) -> list[Shape]:
    """Return what was said; the milliseconds are texts, as Webex describes them here."""
    return [
        {
            "id": f"{caption_id(meeting)}_{number:05}",
            "meetingId": meeting.id,
            "text": f"Caption {number}.",
            "personName": each.name,
            "personEmail": each.email,
            "peopleId": people_id(each.email),
            "start": seconds_text(meeting.start),
            "offsetMillisecond": str(2000 * number),
            "durationMillisecond": "1500",
            "language": "en",
        }
        for number, each in enumerate(meeting.participants, 1)
    ]


def invitees(meeting: Meeting) -> list[Shape]:
    return [
        {
            "id": f"{meeting.id}_{each.number}",
            "email": each.email,
            "displayName": each.name,
            "coHost": each.co_host,
            "panelist": False,
            "meetingId": meeting.id,
        }
        for each in sorted(meeting.participants, key=lambda each: each.email)
        if each.email and not each.host
    ]


def attendees(meeting: Meeting) -> list[Shape]:
    return [
        {
            "meetingId": meeting.id,
            "meetingNumber": meeting.number,
            "meetingTitle": meeting.title,
            "displayName": each.name,
            "email": each.email,
            "joinedTime": each.joined_at.isoformat(timespec="seconds"),
            "leftTime": each.left_at.isoformat(timespec="seconds"),
            "duration": round((each.left_at - each.joined_at).total_seconds() / 60),
            "participantType": "HOST" if each.host else "ATTENDEE",
            "ipAddress": "192.0.2.7",
            "clientAgent": "LINUX,CHROME",
            "registered": False,
            "invited": bool(each.email),
        }
        for each in meeting.participants
    ]


FLAGS: dict[str, Callable[[Meeting], bool]] = {
    "hasChat": lambda meeting: bool(meeting.extras.chats),
    "hasPolls": lambda meeting: bool(meeting.extras.polls),
    "hasQA": lambda meeting: bool(meeting.extras.questions),
    "hasClosedCaption": lambda meeting: meeting.extras.captions,
}
"""What the list of meetings says of an ended one."""


def caption_id(meeting: Meeting) -> str:
    return f"{meeting.conference_id}cc"


def _poll(meeting: Meeting, number: int) -> Shape:
    start = _moment(meeting, number, meeting.extras.polls)
    options = [
        {"order": str(place), "value": colour, "isCorrect": place == 1}
        for place, colour in enumerate(_COLOURS, 1)
    ]
    return {
        "id": f"{meeting.conference_id}-poll-{number}",
        "meetingId": meeting.id,
        "startTime": seconds_text(start),
        "endTime": seconds_text(start + timedelta(seconds=30)),
        "timerDuration": 30,
        "displayName": meeting.host_name,
        "email": meeting.host_email,
        "personId": meeting.host_user_id,
        "questions": [
            {
                "id": f"{meeting.conference_id}-question-{number}",
                "order": "1",
                "title": "Which colour?",
                "type": "single",
                "options": options,
            }
        ],
    }


def _person(person: Participant) -> Shape:
    return {
        "email": person.email,
        "displayName": person.name,
        "personId": people_id(person.email),
        "orgId": ORGANIZATION_UUID,
    }


def _moment(meeting: Meeting, number: int, count: int) -> datetime:
    return meeting.start + (meeting.end - meeting.start) * (number + 1) / (count + 1)
