"""A scope that is missing costs what it is for, says its name, and holds nothing else up."""

from typing import Any

import pytest

from app.ingestion.status import meeting_status
from app.models.words import EXTRA_RESOURCES, Resource
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import SECRET, TOKEN, Stage

EVERYTHING = {"summary": True, "chats": 2, "polls": 1, "questions": 1}
SCOPES = [
    "spark:people_read",
    "meeting:schedules_read",
    "meeting:recordings_read",
    "meeting:transcripts_read",
    "meeting:participants_read",
    "meeting:summaries_read",
]
# What a host loses with each scope; captions are for compliance officers anyhow.
COSTS: dict[str, set[str]] = {
    "spark:people_read": set(),
    "meeting:schedules_read": {
        Resource.MEETINGS,
        Resource.TRANSCRIPTS,
        Resource.INVITEES,
        Resource.CHATS,
        Resource.POLLS,
        Resource.QUESTIONS,
        Resource.ATTENDEES,
    },
    "meeting:recordings_read": {Resource.RECORDINGS},
    "meeting:transcripts_read": {Resource.TRANSCRIPTS},
    "meeting:participants_read": {Resource.PARTICIPANTS, Resource.ATTENDEES},
    "meeting:summaries_read": {Resource.SUMMARIES},
}
ADMIN = {"email": "admin@example.com", "role": "admin"}
ADMIN_SCOPES = {
    "meeting:admin_schedule_read": Resource.MEETINGS,
    "meeting:admin_participants_read": Resource.PARTICIPANTS,
    "meeting:admin_recordings_read": Resource.RECORDINGS,
    "meeting:admin_transcripts_read": Resource.TRANSCRIPTS,
}


def narrow(stage: Stage, scopes: list[str], **identity: str) -> None:
    """Leave our token these scopes; the webhooks were registered before."""
    told = {"email": "host@example.com"} | identity | {"scopes": " ".join(scopes)}
    stage.control.change_settings(tokens={TOKEN: told})


def told_of_the_organization(stage: Stage) -> str:
    """A meeting of a professor, whose end an administrator is told of; its id."""
    stage.control.change_settings(strict_owner=True, tokens={TOKEN: ADMIN})
    hook = {"name": "x", "targetUrl": stage.door, "resource": "meetings", "event": "ended"}
    hook |= {"secret": SECRET, "ownedBy": "org"}
    stage.bench.accounts.client("").send("POST", "/webhooks", hook)
    meeting_id: str = stage.hold_meeting(host_email="professor@example.com")["meeting_id"]
    stage.advance(15)
    return meeting_id


def without(scopes: list[str], left_out: str) -> list[str]:
    return [each for each in scopes if each != left_out]


def refused(stage: Stage, meeting_id: str) -> dict[str, str]:
    """What is absent for want of a permission, with what is said of it."""
    status = meeting_status(stage.bench.database, meeting_id, now=stage.now, lease_seconds=30)
    assert status is not None
    return {
        each.resource: str(each.error)
        for each in status.ingests
        if (each.state, each.reason) == ("absent", "no_permission")
    }


def missing_files(stage: Stage, meeting_id: str, *resources: str) -> list[str]:
    """What the archive lacks or has wrong, but for these resources."""
    wrong = differences(stage, meeting_id)
    return [each for each in wrong if not any(f"'{name}'" in each for name in resources)]


@pytest.mark.parametrize("left_out", SCOPES)
def test_each_scope_costs_what_it_is_for_and_is_named(make_stage: MakeStage, left_out: str) -> None:
    stage = make_stage(extra_resources=EXTRA_RESOURCES)
    narrow(stage, without(SCOPES, left_out))
    meeting_id = stage.hold_meeting(recordings=2, transcripts=2, extras=EVERYTHING)["meeting_id"]
    stage.advance(15)
    stage.live(hours=50)

    found = refused(stage, meeting_id)
    assert found.keys() == COSTS[left_out] | {Resource.CAPTIONS}
    assert all(left_out in found[each] for each in COSTS[left_out])
    done = {name for name, (state, _) in stage.states(meeting_id).items() if state == "done"}
    assert {name.partition("/")[0] for name in done} == set(Resource) - found.keys()
    assert missing_files(stage, meeting_id, *found) == []
    assert manifest_of(stage, meeting_id)["complete"] is True


def test_with_all_scopes_nothing_but_captions_is_refused(make_stage: MakeStage) -> None:
    stage = make_stage(extra_resources=EXTRA_RESOURCES)
    narrow(stage, SCOPES)
    meeting_id = stage.hold_meeting(extras=EVERYTHING)["meeting_id"]
    stage.advance(15)
    stage.live(hours=16)

    assert refused(stage, meeting_id).keys() == {Resource.CAPTIONS}
    assert differences(stage, meeting_id) == []


def test_a_late_recording_is_waited_for_although_the_list_of_meetings_is_refused(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    narrow(stage, without(SCOPES, "meeting:schedules_read"))
    late: dict[str, Any] = {"recordings": 3 * 3600, "recording_webhook": None}
    meeting_id = stage.hold_meeting(timeline=late)["meeting_id"]
    stage.advance(15)
    stage.live(hours=5)

    assert Resource.RECORDINGS not in refused(stage, meeting_id)
    assert missing_files(stage, meeting_id, Resource.TRANSCRIPTS) == []


@pytest.mark.parametrize("left_out", list(ADMIN_SCOPES))
def test_an_administrator_loses_what_the_scope_is_for_and_nothing_else(
    make_stage: MakeStage, left_out: str
) -> None:
    stage = make_stage(webex_role="admin")
    meeting_id = told_of_the_organization(stage)
    narrow(stage, without(list(ADMIN_SCOPES), left_out), **ADMIN)
    stage.live(hours=5)

    found = refused(stage, meeting_id)
    assert found.keys() == {ADMIN_SCOPES[left_out]}
    assert left_out in found[ADMIN_SCOPES[left_out]]
    wrong = missing_files(stage, meeting_id, ADMIN_SCOPES[left_out])
    assert [each for each in wrong if "snippets" not in each] == []
