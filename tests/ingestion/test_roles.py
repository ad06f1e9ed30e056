"""As an administrator: the host is named where Webex wants it, and what is refused says why."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from app.db.engine import Database
from app.ingestion.commands import request_meetings
from app.ingestion.status import meeting_status
from app.models.words import Role
from app.webex.scopes import role_of
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences, manifest_of
from tests.stage import Stage, staged

HOST = {"host_email": "professor@example.com"}
RECORDING = "724a81a697201039a976005056819cde"
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[MakeStage]:
    """Build a stage on which everybody sees only what their role lets them see."""
    url = database.url.render_as_string(hide_password=False)
    with ExitStack() as stack:

        def make(role: str, **settings: Any) -> Stage:
            people = {"simulator-token": {"email": "admin@example.com", "role": role}}
            told = SimulatorSettings.model_validate({"strict_owner": True, "tokens": people})
            given = {"webex_role": role} | settings
            return stack.enter_context(
                staged(tmp_path, url, broker_url, simulator_settings=told, **given)
            )

        yield make


@pytest.mark.parametrize("role", ["admin", "compliance"])
def test_an_administrator_ingests_what_others_held(make_stage: MakeStage, role: str) -> None:
    stage = make_stage(role)
    meeting_id = stage.hold_meeting(webhooks=False, recordings=2, **HOST)["meeting_id"]
    stage.advance(3600)
    request_meetings(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    assert stage.meeting(meeting_id).host_email == "professor@example.com"
    asked = {each["path"].rpartition("/v1")[2] for each in stage.asked("/recordings")}
    assert "/admin/recordings" in asked
    assert "/recordings" not in asked


def test_the_texts_of_a_transcript_without_snippets_are_of_one_version(
    make_stage: MakeStage,
) -> None:
    stage = make_stage("admin", recheck_days=0)
    told = stage.hold_meeting(webhooks=False, **HOST)
    meeting_id, transcript_id = told["meeting_id"], told["transcript_ids"][0]
    stage.advance(3600)
    stage.control.add_fault(path_regex="format=txt", status=503, times=3)
    request_meetings(stage.bench, [meeting_id])
    stage.work()
    edit_as_host(stage, transcript_id, "Edited.")
    stage.control.add_fault(path_regex="format=vtt", status=503, times=3)
    stage.live_until_complete(meeting_id)

    newest = {f"{transcript_id}.txt", f"{transcript_id}.v2.vtt"}
    edited = stage.place(meeting_id).glob("transcripts/*")
    assert {each.name for each in edited if "Edited." in each.read_text()} == newest
    reached = stage.ingest(meeting_id, "meetingTranscripts", transcript_id)
    assert (reached.state, reached.reason) == ("done", "no_permission")


def edit_as_host(stage: Stage, transcript_id: str, text: str) -> None:
    """Edit a snippet as only the host may."""
    stage.control.call("POST", "/tokens", {"token": "the-hosts", "email": HOST["host_email"]})
    path = f"/meetingTranscripts/{transcript_id}/snippets/{transcript_id}_00003"
    answer = requests.put(
        f"{stage.simulator.api_url}{path}",
        json={"text": text, "reason": "a wrong name"},
        headers={"Authorization": "Bearer the-hosts"},
        timeout=10,
    )
    assert answer.status_code == 200


def test_the_host_is_found_beside_a_meeting_that_webex_cannot_list(make_stage: MakeStage) -> None:
    stage = make_stage("admin")
    order = {"series_id": "501e995485e2460bb129410116757b13", "webhooks": False, **HOST}
    held = [stage.hold_meeting(**order)["meeting_id"] for _ in range(2)]
    stage.advance(3600)
    answer = {"unreadable_items": 1}
    stage.control.add_fault(path_regex="/v1/meetings$", answer=answer, times=None)

    request_meetings(stage.bench, held)
    stage.live(hours=3)

    assert [stage.meeting(each).host_email for each in held].count("professor@example.com") == 1


def test_a_compliance_officer_ingests_the_summaries_of_what_others_held(
    make_stage: MakeStage,
) -> None:
    stage = make_stage("compliance", extra_resources=("meetingSummaries",))
    order = {"webhooks": False, "extras": {"summary": True}, **HOST}
    meeting_id = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(3600)
    request_meetings(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)
    stage.live(hours=1)

    assert stage.states(meeting_id)["meetingSummaries"] == ("done", None)
    asked = {each["path"] for each in stage.asked("/meetingSummaries")}
    assert asked == {"/v1/admin/meetingSummaries"}


def test_a_webhook_of_the_organization_is_explained_with_its_host(make_stage: MakeStage) -> None:
    stage = make_stage("admin")
    order = {"webhooks": False, "recordings": [{"id": RECORDING}], **HOST}
    meeting_id = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(3600)
    client = stage.bench.accounts.client("")
    hook = {"name": "x", "targetUrl": stage.door, "resource": "recordings", "event": "created"}
    secret = {"secret": "a-webhook-secret-for-tests", "ownedBy": "org"}
    client.send("POST", "/webhooks", hook | secret)
    data = {"id": RECORDING, "hostEmail": "professor@example.com"}
    stage.control.send_event(resource="recordings", event="created", data=data)
    stage.control.settle()
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_what_a_role_may_not_read_names_the_scope_that_is_missing(make_stage: MakeStage) -> None:
    stage = make_stage("admin")
    stage.control.add_fault(path_regex="/meetingParticipants", status=403, times=None)
    meeting_id = stage.hold_meeting(webhooks=False, **HOST)["meeting_id"]
    stage.advance(3600)
    request_meetings(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)

    assert stage.states(meeting_id)["meetingParticipants"] == ("absent", "no_permission")
    status = meeting_status(stage.bench.database, meeting_id, now=stage.now, lease_seconds=30)
    assert status is not None
    (people,) = (each for each in status.ingests if each.resource == "meetingParticipants")
    assert "meeting:admin_participants_read" in str(people.error)
    assert manifest_of(stage, meeting_id)["complete"] is True


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        (None, None),
        ("", Role.USER),
        ("meeting:recordings_read spark:people_read", Role.USER),
        ("meeting:recordings_read meeting:admin_recordings_read", Role.ADMIN),
        ("meeting:admin_schedule_read spark-compliance:meetings_read", Role.COMPLIANCE),
    ],
)
def test_the_scopes_say_what_an_account_is(scopes: str | None, role: Role | None) -> None:
    assert role_of(scopes) == role
