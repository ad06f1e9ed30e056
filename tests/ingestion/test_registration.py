"""Our webhooks exist exactly once, are active and lead here, whatever was there before."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.db.ticks import WEBHOOKS, last_tick
from app.errors import Forbidden, PartialList, WebexUnavailable
from app.ingestion.diagnosis import MENDED, Place, Problem, examine
from app.ingestion.registration import mend, reactivate, register, treat, unregister
from app.webex.client import WebexClient
from app.webex.webhooks import WANTED, Owner, create, delete, webhooks
from simulator import Simulator
from tests.ingestion.conftest import MakeStage
from tests.stage import SECRET, Stage
from tests.webex.conftest import MakeClient, make_client, simulator

__all__ = ["make_client", "simulator"]

HERE = Place("https://ingest.example.com/webhooks/webex", "the-secret")
ELSEWHERE = "https://old.example.com/webhooks/webex"


@pytest.fixture
def client(simulator: Simulator, make_client: MakeClient) -> WebexClient:
    """An account without webhooks."""
    return make_client(simulator.api_url)


@pytest.fixture
def admin(simulator: Simulator, make_client: MakeClient) -> WebexClient:
    """An administrator's account."""
    return make_client(simulator.api_url, "simulator-admin-token")


def registered(client: WebexClient, owner: Owner | None = None) -> list[str]:
    """Register, and what was done."""
    changes = register(client, target_url=HERE.target_url, secret=HERE.secret, owner=owner)
    return [change.action for change in changes]


def made(client: WebexClient, resource: str, event: str, url: str = HERE.target_url) -> str:
    """One webhook with our secret; its id."""
    return create(client, resource, event, target_url=url, secret=HERE.secret).id


def problems(client: WebexClient) -> dict[str, list[str]]:
    """What is wrong now, by problem."""
    found: dict[str, list[str]] = {}
    for each in examine(webhooks(client), HERE):
        found.setdefault(each.problem, []).append(f"{each.resource}.{each.event}")
    return found


def switch_off(simulator: Simulator, webhook_id: str) -> None:
    """Let Webex switch a webhook off, as it does after too many failures."""
    simulator.control.call("POST", "/webhooks/switch-off", {"ids": [webhook_id]})


def everything_is_right(client: WebexClient) -> bool:
    """Whether each wanted webhook exists exactly once, active, here."""
    ours = [each for each in webhooks(client) if each.target_url == HERE.target_url]
    return sorted((w.resource, w.event) for w in ours) == sorted(WANTED) and all(
        w.status == "active" and w.secret == HERE.secret for w in ours
    )


def found_active_at(stage: Stage) -> datetime | None:
    """When all webhooks were last found to be active."""
    with stage.bench.database.reading() as session:
        return last_tick(session, WEBHOOKS)


def test_everything_is_made_once_and_kept_afterwards(client: WebexClient) -> None:
    assert registered(client) == ["created"] * len(WANTED)
    assert registered(client) == ["kept"] * len(WANTED)
    assert everything_is_right(client)


def test_what_was_wrong_in_every_way_is_right_after_registering(
    simulator: Simulator, client: WebexClient
) -> None:
    switch_off(simulator, made(client, "meetings", "ended"))
    made(client, "recordings", "created")
    made(client, "recordings", "created")
    made(client, "meetings", "started", ELSEWHERE)
    create(client, "meetings", "created", target_url=HERE.target_url, secret="another")
    foreign = {"name": "CRM", "targetUrl": ELSEWHERE, "resource": "meetings", "event": "ended"}
    client.send("POST", "/webhooks", foreign)

    assert problems(client) == {
        Problem.WRONG_SECRET: ["meetings.created"],
        Problem.WRONG_URL: ["meetings.started"],
        Problem.INACTIVE: ["meetings.ended"],
        Problem.DUPLICATE: ["recordings.created"],
        Problem.MISSING: [
            "meetings.updated",
            "meetings.deleted",
            "meetings.started",
            "recordings.updated",
            "recordings.deleted",
            "meetingParticipants.joined",
            "meetingParticipants.left",
            "meetingTranscripts.created",
        ],
        Problem.FOREIGN: ["meetings.ended"],
    }
    done = registered(client)

    assert {*done} == {
        *("created", "switched on", "deleted a duplicate"),
        *("given our secret", "kept"),
    }
    assert problems(client) == {
        Problem.FOREIGN: ["meetings.ended"],
        Problem.WRONG_URL: ["meetings.started"],
    }
    assert everything_is_right(client)


def test_another_installation_of_the_same_account_is_left_alone(client: WebexClient) -> None:
    registered(client)
    other = Place(ELSEWHERE, "theirs")
    register(client, target_url=other.target_url, secret=other.secret)

    mend(client, examine(webhooks(client), other), other)

    assert everything_is_right(client)
    assert {each.problem for each in examine(webhooks(client), other)} == {Problem.WRONG_URL}
    assert set(problems(client)) == {Problem.WRONG_URL}


def test_what_leads_to_an_address_of_before_is_led_here_on_request_alone(
    client: WebexClient,
) -> None:
    register(client, target_url=ELSEWHERE, secret="of before")
    third = "https://another.example.com/webhooks/webex"
    kept = made(client, "meetings", "ended", third)
    made(client, "recordings", "created")

    register(client, target_url=HERE.target_url, secret=HERE.secret, take_over=[ELSEWHERE])

    assert everything_is_right(client)
    assert [w.id for w in webhooks(client) if w.target_url != HERE.target_url] == [kept]


def test_two_that_register_at_once_keep_the_same_webhooks(
    simulator: Simulator, make_client: MakeClient
) -> None:
    simulator.control.add_fault(method="POST", path_regex="/webhooks", delay_seconds=0.05, times=22)
    simulator.control.add_fault(method="DELETE", path_regex="/webhooks", delay_seconds=0.05)
    begin = threading.Barrier(2)

    def one(_number: int) -> list[str]:
        client = make_client(simulator.api_url)
        begin.wait(10)
        return registered(client)

    with ThreadPoolExecutor(2) as threads:
        done = [action for actions in threads.map(one, range(2)) for action in actions]

    assert everything_is_right(make_client(simulator.api_url))
    assert "deleted a duplicate" in done


def test_of_two_alike_everybody_keeps_the_older_one(client: WebexClient) -> None:
    first, second = made(client, "meetings", "ended"), made(client, "meetings", "ended")
    found = sorted(webhooks(client), key=lambda each: (each.created, each.id))

    doubled = [
        [each.webhook.id for each in examine(order, HERE) if each.webhook is not None]
        for order in (found, found[::-1])
    ]

    assert {first, second} == {each.id for each in found}
    assert doubled == [[found[1].id]] * 2


@pytest.mark.parametrize("change", ["kept", "switched on", "led to this address"])
def test_a_webhook_that_somebody_deletes_before_it_is_mended_is_made_anew(
    simulator: Simulator, client: WebexClient, change: str
) -> None:
    old = ELSEWHERE if change == "led to this address" else HERE.target_url
    register(client, target_url=old, secret=HERE.secret)
    (gone,) = (w.id for w in webhooks(client) if (w.resource, w.event) == ("meetings", "ended"))
    if change == "switched on":
        switch_off(simulator, gone)
    simulator.control.add_fault(method="PUT", path_regex=gone, status=404)

    told = register(client, target_url=HERE.target_url, secret=HERE.secret, take_over=[ELSEWHERE])

    assert [each.action for each in told].count("created") == 1


def test_a_webhook_that_somebody_else_has_deleted_is_as_good_as_deleted(
    client: WebexClient,
) -> None:
    made(client, "meetings", "ended")
    (webhook,) = webhooks(client)

    delete(client, webhook)
    delete(client, webhook)

    assert webhooks(client) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None},
        {"id": 5, "name": None},
        {"resource": None},
        {"name": None, "status": "asleep"},
        {"errors": {"title": {"code": "kms_failure"}}},
    ],
)
def test_one_odd_webhook_hides_no_other(
    simulator: Simulator, client: WebexClient, odd: dict[str, Any]
) -> None:
    registered(client)
    made(client, "meetings", "ended")
    switch_off(simulator, next(w.id for w in webhooks(client) if w.event == "left"))
    items = client.get("/webhooks")["items"]
    items[0] |= odd
    simulator.control.add_fault(
        method="GET", path_regex="/webhooks$", body={"items": items}, times=1
    )

    told: list[str] = []
    with suppress(PartialList):
        register(
            client,
            target_url=HERE.target_url,
            secret=HERE.secret,
            tell=lambda change: told.append(change.action),
        )

    assert {"switched on", "deleted a duplicate", "kept"} <= {*told}
    registered(client)
    assert everything_is_right(client)


def test_a_webhook_that_cannot_be_read_is_told_at_the_end(
    simulator: Simulator, client: WebexClient
) -> None:
    simulator.control.add_fault(
        method="GET", path_regex="/webhooks$", body={"items": [{"id": None}, None]}, times=1
    )

    with pytest.raises(PartialList, match=r"id is wrong; Webex could not read 1 item"):
        registered(client)

    assert everything_is_right(client)


def test_registering_that_breaks_off_tells_what_was_done_before(
    simulator: Simulator, client: WebexClient
) -> None:
    simulator.control.add_fault(method="POST", path_regex="/webhooks", skip=3, status=502)
    told: list[str] = []

    with capture_logs() as logs, pytest.raises(WebexUnavailable):
        register(
            client,
            target_url=HERE.target_url,
            secret=HERE.secret,
            tell=lambda change: told.append(change.event),
        )

    logged = [each["event_name"] for each in logs if each["event"] == "webhook.changed"]
    assert told == logged == ["created", "updated", "deleted"]


def test_without_a_secret_of_ours_a_signed_webhook_is_as_good_as_any(client: WebexClient) -> None:
    registered(client)

    assert examine(webhooks(client), Place(HERE.target_url, None)) == []


def test_what_webex_refuses_ends_the_mending_and_not_the_telling(
    simulator: Simulator, client: WebexClient
) -> None:
    simulator.control.add_fault(method="POST", path_regex="/webhooks", skip=3, status=403)
    told: list[str] = []

    with pytest.raises(Forbidden):
        treat(client, HERE, fix=True, tell=lambda _finding, action: told.append(action))

    assert told == ["created"] * 3 + [""] * (len(WANTED) - 3)


def test_unregistering_deletes_what_leads_here_alone(client: WebexClient) -> None:
    registered(client)
    made(client, "meetings", "ended", ELSEWHERE)

    assert len(unregister(client, target_url=HERE.target_url)) == len(WANTED)
    assert [each.target_url for each in webhooks(client)] == [ELSEWHERE]


def test_an_administrator_registers_for_the_organization_in_place_of_his_own(
    admin: WebexClient,
) -> None:
    registered(admin)

    registered(admin, Owner.ORG)

    found = webhooks(admin)
    assert {each.owned_by for each in found} == {"org"}
    assert everything_is_right(admin)
    assert registered(admin) == ["kept"] * len(WANTED), "it stays with the organization"


def test_nobody_else_registers_for_the_organization(client: WebexClient) -> None:
    with pytest.raises(Forbidden):
        registered(client, Owner.ORG)


def test_mending_only_what_is_switched_off_changes_nothing_else(
    simulator: Simulator, client: WebexClient
) -> None:
    switch_off(simulator, made(client, "meetings", "ended"))

    changes = mend(client, examine(webhooks(client), HERE), HERE, only=MENDED & {Problem.INACTIVE})

    assert [(change.action, change.event) for change in changes] == [("switched on", "ended")]
    assert len(webhooks(client)) == 1


def test_a_webhook_that_webex_switched_off_is_on_again_at_the_next_look(stage: Stage) -> None:
    place = Place(stage.door, "a-webhook-secret-for-tests")
    (ended,) = (
        each
        for each in webhooks(stage.bench.accounts.client(""))
        if (each.resource, each.event) == ("meetings", "ended")
    )
    switch_off(stage.simulator, ended.id)
    lost: dict[str, Any] = stage.hold_meeting()
    stage.advance(15)

    assert reactivate(stage.bench, place) == 1
    assert found_active_at(stage) == stage.now
    assert reactivate(stage.bench, place) == 0
    meeting_id = stage.hold_meeting()["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    assert lost["meeting_id"] != meeting_id


def test_a_webhook_that_may_not_be_switched_on_holds_up_no_other(stage: Stage) -> None:
    client = stage.bench.accounts.client("")
    refused, other = webhooks(client)[:2]
    for each in (refused, other):
        switch_off(stage.simulator, each.id)
    stage.control.add_fault(method="PUT", path_regex=refused.id, status=403, times=None)

    assert reactivate(stage.bench, Place(stage.door, SECRET)) == 1
    assert found_active_at(stage) is None

    status = {each.id: each.status for each in webhooks(client)}
    assert (status[refused.id], status[other.id]) == ("inactive", "active")


def test_an_account_that_cannot_be_looked_at_does_not_hide_the_others(stage: Stage) -> None:
    stage.control.add_fault(path_regex="/webhooks", status=403, times=1)

    assert reactivate(stage.bench, Place(stage.door, None)) == 0


def test_a_secret_is_replaced_without_losing_a_delivery(make_stage: MakeStage) -> None:
    stage = make_stage(webex_webhook_secret=f"the-new-one,{SECRET}")
    client = stage.bench.accounts.client("")
    signers = {each.secret for each in webhooks(client)}

    before = [stage.hold_meeting()["meeting_id"] for _ in range(2)]
    stage.advance(15)
    register(client, target_url=stage.door, secret="the-new-one")
    after = [stage.hold_meeting()["meeting_id"] for _ in range(2)]
    stage.advance(15)

    assert signers == {SECRET}
    assert {each.secret for each in webhooks(client)} == {"the-new-one"}
    assert {each["outcome"] for each in stage.control.deliveries()} == {"delivered"}
    for meeting_id in before + after:
        stage.live_until_complete(meeting_id)


def test_a_webhook_with_a_filter_is_not_the_one_that_is_wanted(client: WebexClient) -> None:
    body = {"name": "one series", "targetUrl": HERE.target_url, "filter": "id=abc"}
    client.send("POST", "/webhooks", {**body, "resource": "meetings", "event": "ended"})

    registered(client)

    ended = [w for w in webhooks(client) if (w.resource, w.event) == ("meetings", "ended")]
    assert sorted(each.filter or "" for each in ended) == ["", "id=abc"]
    assert problems(client) == {Problem.FOREIGN: ["meetings.ended"]}
