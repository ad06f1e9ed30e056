"""Several accounts side by side: a meeting belongs to the one that can read it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.db.engine import Database
from app.errors import RateLimited, TokenRefused, WebexUnavailable
from app.ingestion.commands import request_meetings, resolve_instances
from app.ingestion.registration import register
from app.ingestion.tokens import OF_SETTINGS
from app.models.words import Role
from app.web.metrics import DatabaseCollector
from app.webex.sign_in import TokenPair
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.processes import eventually
from tests.stage import SECRET, Stage, staged

BOB = {"host_email": "bob@example.com"}
HOUR = timedelta(hours=1)
RECORDING = "724a81a697201039a976005056819cde"


@pytest.fixture
def two(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    """A stage on which everybody sees only meetings of their own, and Bob's account is known."""
    people = {
        "simulator-token": {"email": "host@example.com"},
        "bobs-token": {"email": "bob@example.com"},
    }
    told = SimulatorSettings.model_validate({"strict_owner": True, "tokens": people})
    url = database.url.render_as_string(hide_password=False)
    key = Fernet.generate_key().decode()
    with staged(tmp_path, url, broker_url, simulator_settings=told, encryption_key=key) as stage:
        stage.bench.accounts.add("bob", pasted("bobs-token"))
        yield stage


def pasted(token: str) -> TokenPair:
    """An access token that somebody has typed; nobody renews it."""
    return TokenPair(token, None, None, None, None)


def test_a_meeting_goes_to_the_account_whose_webhook_told_of_it(two: Stage) -> None:
    register(two.bench.accounts.client("bob"), target_url=two.door, secret=SECRET)
    meeting_id = two.hold_meeting(**BOB)["meeting_id"]
    two.advance(15)
    two.work()

    assert two.meeting(meeting_id).account == "bob"
    two.live_until_complete(meeting_id)
    assert differences(two, meeting_id) == []


def test_a_meeting_that_the_first_account_cannot_read_is_handed_to_the_one_that_can(
    two: Stage,
) -> None:
    meeting_id = two.hold_meeting(webhooks=False, **BOB)["meeting_id"]
    data = {"id": meeting_id, "state": "ended", "hostEmail": "host@example.com"}
    two.control.send_event(resource="meetings", event="ended", data=data)
    two.control.settle()
    two.work()
    assert two.meeting(meeting_id).account == OF_SETTINGS

    two.live_until_complete(meeting_id)

    assert {each.account for each in two.ingests(meeting_id)} == {"bob"}
    assert differences(two, meeting_id) == []
    assert "absent" not in {state for state, _ in two.states(meeting_id).values()}


def test_an_event_about_a_recording_is_explained_by_the_account_that_can_read_it(
    two: Stage,
) -> None:
    order = {"webhooks": False, "recordings": [{"id": RECORDING}], **BOB}
    meeting_id = two.hold_meeting(**order)["meeting_id"]
    two.advance(3600)
    data = {"id": RECORDING, "hostEmail": "host@example.com"}
    two.control.send_event(resource="recordings", event="created", data=data)
    two.control.settle()

    two.live_until_complete(meeting_id)

    assert differences(two, meeting_id) == []


def test_a_meeting_is_asked_for_by_any_of_its_ids_whoever_can_read_it(two: Stage) -> None:
    meeting = two.hold_meeting(webhooks=False, **BOB)
    two.advance(3600)

    for name in ("meeting_id", "series_id", "scheduled_id"):
        assert resolve_instances(two.bench, meeting[name]) == [meeting["meeting_id"]]
    request_meetings(two.bench, [meeting["meeting_id"]])

    assert two.meeting(meeting["meeting_id"]).account == "bob"
    two.live_until_complete(meeting["meeting_id"])


def test_work_of_an_account_that_is_gone_waits_until_it_is_there_again(two: Stage) -> None:
    meeting_id = two.hold_meeting(webhooks=False, **BOB)["meeting_id"]
    two.advance(3600)
    request_meetings(two.bench, [meeting_id])

    assert two.bench.accounts.remove("bob") == 4
    two.live(hours=1)
    assert {reason for _, reason in two.states(meeting_id).values()} == {"token_refused"}
    two.bench.accounts.add("bob", pasted("bobs-token"))
    two.live_until_complete(meeting_id)

    assert differences(two, meeting_id) == []


def test_an_account_that_cannot_be_asked_now_does_not_make_anything_absent(two: Stage) -> None:
    order = {"webhooks": False, "recordings": [{"id": RECORDING}], **BOB}
    meeting_id = two.hold_meeting(**order)["meeting_id"]
    two.advance(3600)
    for path in ("/meetings/", "/recordings/"):
        # What the first account may not read, Bob could, were his gate not closed.
        two.control.add_fault(origin="api", path_regex=path, status=403, times=1)
    two.bench.accounts.client("bob")._gate.close(2)
    data = {"id": meeting_id, "state": "ended", "hostEmail": "host@example.com"}
    two.control.send_event(resource="meetings", event="ended", data=data)
    data = {"id": RECORDING, "hostEmail": "host@example.com"}
    two.control.send_event(resource="recordings", event="created", data=data)
    two.control.settle()
    two.work()

    assert two.states(meeting_id)["meetings"] == ("waiting", "retrying")
    eventually(lambda: is_open(two), message="the gate stays closed")
    two.live_until_complete(meeting_id)
    assert differences(two, meeting_id) == []


def is_open(stage: Stage) -> bool:
    """Whether Bob may ask again."""
    try:
        stage.bench.accounts.client("bob").get("/people/me")
    except RateLimited:
        return False
    return True


def test_a_meeting_of_an_account_that_is_no_more_goes_to_one_that_can_read_it(two: Stage) -> None:
    accounts = two.bench.accounts
    accounts.add("late", pasted("bobs-token"))
    meeting_id = two.hold_meeting(webhooks=False, timeline={"transcripts": 3630}, **BOB)[
        "meeting_id"
    ]
    two.advance(3600)
    request_meetings(two.bench, [meeting_id])
    two.work()
    first = two.meeting(meeting_id).account
    assert two.states(meeting_id)["meetings"] == ("done", None)

    accounts.remove(first)
    two.live_until_complete(meeting_id)

    assert two.meeting(meeting_id).account in {"bob", "late"} - {first}
    assert differences(two, meeting_id) == []


def test_a_silent_account_does_not_spend_the_budget_of_another(two: Stage) -> None:
    two.control.add_fault(path_regex="/people/me", status=429, headers={"Retry-After": "36000"})
    two.bench.accounts.describe("bob")

    meeting_id = two.hold_meeting()["meeting_id"]
    two.advance(15)
    two.live_until_complete(meeting_id)

    assert two.bench.clock() < two.meeting(meeting_id).first_seen_at + 3 * HOUR


def test_whose_an_account_is_is_found_out_later_where_webex_did_not_say(two: Stage) -> None:
    two.control.add_fault(path_regex="/people/me", status=503, times=3)
    assert two.bench.accounts.add("robert", pasted("bobs-token")) is None

    two.bench.accounts.look_after(two.bench.patience)

    (robert,) = (each for each in two.bench.accounts.standings() if each.name == "robert")
    assert robert.email == "bob@example.com"


@pytest.mark.parametrize(
    "answer", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "60"}}, {"drop": True}]
)
def test_a_token_that_could_not_be_tried_does_not_take_the_place_of_a_good_one(
    two: Stage, answer: dict[str, Any]
) -> None:
    two.control.add_fault(path_regex="/people/me", times=None, **answer)
    with pytest.raises(WebexUnavailable, match="bob keeps the one it had"):
        two.bench.accounts.add("bob", pasted("a-wrong-token"))

    assert two.bench.accounts.keeper.current("bob") == "bobs-token"


def test_what_webex_has_just_issued_is_kept_though_it_could_not_be_tried(two: Stage) -> None:
    two.control.add_fault(path_regex="/people/me", times=3, status=503)
    issued = pasted("simulator-token").with_refresh_token("simulator-refresh-token")

    two.bench.accounts.add("bob", issued)

    assert two.bench.accounts.client("bob").get("/people/me")["emails"] == ["host@example.com"]


@pytest.mark.parametrize(
    ("scopes", "role"), [(None, Role.ADMIN), ("meeting:recordings_read", Role.USER)]
)
def test_the_next_token_of_an_administrator_is_one_unless_its_scopes_say_otherwise(
    two: Stage, scopes: str | None, role: Role
) -> None:
    two.bench.accounts.add("bob", pasted("bobs-token"), role=Role.ADMIN)

    two.bench.accounts.add("bob", replace(pasted("bobs-token"), scopes=scopes))

    assert two.bench.accounts.view("bob").role == role


def test_a_token_that_webex_refuses_does_not_take_the_place_of_a_good_one(two: Stage) -> None:
    with pytest.raises(TokenRefused, match="nothing was changed"):
        two.bench.accounts.add("bob", pasted("a-wrong-token"))

    assert two.bench.accounts.client("bob").get("/people/me")["emails"] == ["bob@example.com"]


def test_a_name_that_no_database_keeps_as_it_is_does_not_stop_the_care_of_accounts(
    two: Stage,
) -> None:
    body = {"id": "p1", "emails": ["bob\x00@example.com"]}
    two.control.add_fault(path_regex="/people/me", status=200, body=body)

    assert two.bench.accounts.describe("bob") == "bob@example.com"


def test_an_account_whose_token_nobody_renews_says_so_while_webex_refuses_it(two: Stage) -> None:
    meeting_id = two.hold_meeting(webhooks=False)["meeting_id"]
    two.advance(3600)
    request_meetings(two.bench, [meeting_id])
    two.control.call("POST", "/tokens/expire", {"tokens": ["bobs-token", "simulator-token"]})
    two.work()
    with pytest.raises(TokenRefused):
        two.bench.accounts.client("bob").get("/people/me")

    refused = {each.name: each.error or "" for each in two.bench.accounts.standings()}
    assert "`webex-ingest doctor` says what to do" in refused[OF_SETTINGS]
    assert "`webex-ingest accounts add bob`" in refused["bob"]
    assert accounts_ok(two) == {OF_SETTINGS: 0, "bob": 0}

    two.control.call("POST", "/tokens", {"token": "bobs-token", **people("bob")})
    two.control.call("POST", "/tokens", {"token": "simulator-token", **people("host")})
    two.bench.accounts.look_after(two.bench.patience)
    two.live_until_complete(meeting_id)
    assert [each.error for each in two.bench.accounts.standings()] == [None, None]
    assert accounts_ok(two) == {OF_SETTINGS: 1, "bob": 1}


def accounts_ok(stage: Stage) -> dict[str, float]:
    """What the figures say of each account."""
    told = DatabaseCollector(stage.runtime).collect()
    (ok,) = (each for each in told if each.name == "webex_ingest_account_ok")
    return {each.labels["account"]: each.value for each in ok.samples}


def people(name: str) -> dict[str, str]:
    """Somebody, as the simulator is told of them."""
    return {"email": f"{name}@example.com"}
