"""Accounts with several sites: what is on another one than the preferred is found as well."""

from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.stage import Stage, staged

SITES = ["example.webex.com", "second.webex.com"]


@pytest.mark.parametrize("role", ["user", "admin", "compliance"])
def test_a_meeting_at_another_site_is_brought_whole(
    tmp_path: Path, database: Database, broker_url: str, role: str
) -> None:
    person = {"email": "professor@example.com", "role": role}
    told = SimulatorSettings.model_validate(
        {"site_urls": SITES, "strict_owner": True, "tokens": {"simulator-token": person}}
    )
    url = database.url.render_as_string(hide_password=False)
    settings: dict[str, Any] = {"webex_role": role}
    with staged(tmp_path, url, broker_url, simulator_settings=told, **settings) as stage:
        held = stage.hold_meeting(
            site_url=SITES[1], host_email="professor@example.com", recordings=2, transcripts=2
        )
        stage.advance(20)

        stage.live_until_complete(held["meeting_id"])

        assert len(stage.asked("/download")) == 4
        if role != "admin":
            assert differences(stage, held["meeting_id"]) == []


@pytest.mark.parametrize("may_list_sites", [True, False])
def test_a_transcript_of_which_only_the_id_is_told_is_looked_for_at_every_site(
    sqlite_stage: Stage, may_list_sites: bool
) -> None:
    stage = sqlite_stage
    stage.control.change_settings(site_urls=SITES)
    if not may_list_sites:
        stage.control.add_fault(path_regex="/sites", status=403, times=None)
    held = stage.hold_meeting(
        site_url=SITES[may_list_sites], webhooks=False, timeline="instant", recordings=0
    )

    stage.control.send_event(
        resource="meetingTranscripts", event="created", data={"id": held["transcript_ids"][0]}
    )
    stage.live_until_complete(held["meeting_id"])

    assert differences(stage, held["meeting_id"]) == []


def test_before_a_transcript_is_given_up_every_site_is_asked(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.control.change_settings(site_urls=SITES)
    stage.control.add_fault(path_regex="^/v1/meetings/", status=403, times=None)
    held = stage.hold_meeting(site_url=SITES[1], webhooks=False, timeline="instant", recordings=0)

    wrong = {"id": held["meeting_id"], "siteUrl": SITES[0], "state": "ended"}
    stage.control.send_event(resource="meetings", event="ended", data=wrong)
    stage.live_until_complete(held["meeting_id"])

    states = stage.states(held["meeting_id"])
    assert states[f"meetingTranscripts/{held['transcript_ids'][0]}"] == ("done", None)
