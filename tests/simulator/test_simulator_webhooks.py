"""Registering webhooks, and what is delivered to them."""

import hashlib
import hmac
from typing import Any

import pytest

from simulator import ControlClient, Settings, Simulator
from simulator.delivery import signatures
from tests.simulator.support import ADMIN_TOKEN, Api, Receiver, Webex


def test_a_webhook_is_created_with_200_and_shows_what_was_asked(api: Api) -> None:
    hook = api.register(
        "http://127.0.0.1:9/x", "meetings", "ended", secret="quiet", filter="state=ended"
    )

    assert hook["status"] == "active"
    assert hook["ownedBy"] == "creator"
    assert (hook["secret"], hook["filter"]) == ("quiet", "state=ended")
    assert {"id", "created", "orgId", "createdBy", "appId"} <= set(hook)
    assert api.json(f"/webhooks/{hook['id']}") == hook
    assert api.items("/webhooks") == [hook]


def test_secret_and_filter_are_left_out_when_they_were_not_given(api: Api) -> None:
    hook = api.register("http://127.0.0.1:9/x", "recordings", "created")

    assert not {"secret", "filter"} & set(hook)


def test_a_deleted_webhook_is_gone(api: Api) -> None:
    hook = api.register("http://127.0.0.1:9/x", "meetings", "ended")

    assert api.call("DELETE", f"/webhooks/{hook['id']}").status_code == 204
    assert api.get(f"/webhooks/{hook['id']}").status_code == 404
    assert api.call("DELETE", f"/webhooks/{hook['id']}").status_code == 404


def test_put_changes_name_target_and_secret_and_nothing_else(api: Api) -> None:
    hook = api.register("http://127.0.0.1:9/x", "meetings", "ended", secret="old")
    changes = {"name": "new", "targetUrl": "http://127.0.0.1:9/y", "secret": "new", "event": "no"}

    changed = api.call("PUT", f"/webhooks/{hook['id']}", json=changes).json()

    assert changed == hook | {"name": "new", "targetUrl": "http://127.0.0.1:9/y", "secret": "new"}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "only a name"},
        {"name": "n", "targetUrl": "http://127.0.0.1:9/x", "status": "inactive"},
    ],
)
def test_put_refuses_a_missing_target_and_the_status_inactive(
    api: Api, body: dict[str, Any]
) -> None:
    hook = api.register("http://127.0.0.1:9/x", "meetings", "ended")

    assert api.call("PUT", f"/webhooks/{hook['id']}", json=body).status_code == 400


@pytest.mark.parametrize(
    ("resource", "event", "more"),
    [
        ("meetings", "joined", {}),
        ("meetingTranscripts", "updated", {}),
        ("all", "all", {}),
        ("meetings", "ended", {"filter": "roomId=5"}),
        ("meetings", "ended", {"filter": "nonsense"}),
        ("meetings", "ended", {"filter": "hostEmail=host@example.com"}),
        ("meetings", "ended", {"targetUrl": "not an address"}),
        ("meetings", "ended", {"name": ""}),
    ],
)
def test_a_webhook_that_webex_does_not_know_is_refused(
    api: Api, resource: str, event: str, more: dict[str, str]
) -> None:
    body = {"name": "n", "targetUrl": "http://127.0.0.1:9/x", "resource": resource, "event": event}

    response = api.call("POST", "/webhooks", json=body | more)

    assert response.status_code == 400
    assert response.json()["trackingId"] == response.headers["trackingId"]


def test_only_an_administrator_owns_a_webhook_of_the_organization(
    webex: Webex,
) -> None:
    body = {
        "name": "n",
        "targetUrl": "http://127.0.0.1:9/x",
        "resource": "meetings",
        "event": "ended",
        "ownedBy": "org",
        "filter": "hostEmail=host@example.com",
    }
    with Api(webex.simulator.api_url, ADMIN_TOKEN) as admin:
        assert webex.api.call("POST", "/webhooks", json=body).status_code == 403
        assert admin.call("POST", "/webhooks", json=body).json()["ownedBy"] == "org"
        assert len(admin.items("/webhooks", ownedBy="org")) == 1


def test_the_end_of_a_meeting_is_delivered_as_in_the_guide(
    webex: Webex, receiver: Receiver
) -> None:
    hook = webex.api.register(receiver.url, "meetings", "ended")
    meeting = webex.meeting(start="2021-05-14T20:25:19Z", end="2021-05-14T20:26:54Z")

    (received,) = receiver.received
    data = received.data
    assert received.json["id"] == hook["id"]
    assert received.json["status"] == "active"
    assert data["id"] == meeting["meeting_id"]
    assert (data["start"], data["end"]) == ("2021-05-14T20:25:19Z", "2021-05-14T20:26:54Z")
    guide = "id meetingType timezone start end hostUserId state hostEmail siteUrl orgId"
    assert set(data) == set(guide.split())


def test_every_event_of_a_meeting_reaches_its_webhook_in_order(
    webex: Webex, receiver: Receiver
) -> None:
    for resource, event in [
        ("meetings", "created"),
        ("meetings", "started"),
        ("meetings", "ended"),
        ("meetingParticipants", "joined"),
        ("meetingParticipants", "left"),
        ("recordings", "created"),
        ("meetingTranscripts", "created"),
    ]:
        webex.api.register(receiver.url, resource, event)
    now = webex.simulator.control.call("GET", "/clock")["now"]
    webex.simulator.control.advance(-3600)

    webex.simulator.control.hold_meeting(start=now, participant_count=1)
    webex.simulator.control.advance(8000)

    assert receiver.kinds == [
        "meetings.created",
        "meetingParticipants.joined",
        "meetings.started",
        "meetingParticipants.left",
        "meetings.ended",
        "recordings.created",
        "meetingTranscripts.created",
    ]


def test_the_signature_is_that_of_the_known_vector() -> None:
    headers = signatures("myBongoSecret", b'{"a":1,"b":2,"c":{"d":3}}')

    assert headers["X-Spark-Signature"] == "01e0cb6a53731b9615b483335d77d97023410c72"
    assert headers["X-Webex-Signature"].startswith(
        "SHA-256=adb7aff265a9c9f314b1054fcce5f8447cd0d5893bcbc509a8813ccec2873d2b,SHA-512=e141eb02"
    )


def test_a_delivery_is_signed_over_its_raw_bytes(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "meetings", "ended", secret="quiet")
    webex.simulator.control.change_settings(webex_signature=True)
    webex.meeting(title="Zürich")

    (received,) = receiver.received
    expected = hmac.new(b"quiet", received.body, hashlib.sha1).hexdigest()
    assert received.headers["X-Spark-Signature"] == expected
    assert received.headers["X-Webex-Signature"].startswith("SHA-256=")


def test_a_webhook_without_a_secret_is_not_signed(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "meetings", "ended")
    webex.meeting()

    assert "X-Spark-Signature" not in receiver.received[0].headers


@pytest.mark.parametrize(
    ("text", "count"),
    [("siteUrl=example.webex.com&state=ended", 1), ("siteUrl=other.webex.com", 0)],
)
def test_a_filter_decides_what_is_delivered(
    webex: Webex, receiver: Receiver, text: str, count: int
) -> None:
    webex.api.register(receiver.url, "meetings", "ended", filter=text)
    webex.meeting()

    assert len(receiver.received) == count


def test_copies_are_delivered_that_often(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "meetings", "ended")
    webex.simulator.control.change_settings(copies=3)
    webex.meeting()

    assert len(receiver.received) == 3
    assert len({each.body for each in receiver.received}) == 1


def test_shuffled_webhooks_are_held_back_until_they_are_released(
    webex: Webex, receiver: Receiver
) -> None:
    control = webex.simulator.control
    webex.api.register(receiver.url, "meetings", "ended")
    control.change_settings(shuffle=True, random_seed=7)
    order = [webex.meeting()["meeting_id"] for _ in range(10)]
    assert receiver.received == []
    assert control.call("GET", "/deliveries")["held"] == 10

    assert control.release_webhooks()["released"] == 10

    ids = [each.data["id"] for each in receiver.received]
    assert sorted(ids) == sorted(order)
    assert ids != order


def test_the_drop_ratio_loses_webhooks_and_says_so(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "meetings", "ended")
    webex.simulator.control.change_settings(drop_ratio=0.5, random_seed=3)
    for _ in range(40):
        webex.meeting(recordings=0, transcripts=0)

    outcomes = [each["outcome"] for each in webex.simulator.control.deliveries()]
    assert outcomes.count("delivered") == len(receiver.received)
    assert 5 < outcomes.count("dropped") < 35


def test_a_failed_delivery_is_not_repeated_unless_asked_for(
    webex: Webex, receiver: Receiver
) -> None:
    receiver.status = 503
    webex.api.register(receiver.url, "meetings", "ended")
    webex.meeting()
    assert len(receiver.received) == 1

    webex.simulator.control.change_settings(delivery_retries=2, delivery_retry_seconds=30)
    webex.meeting()
    webex.simulator.control.advance(30)
    webex.simulator.control.advance(30)
    webex.simulator.control.advance(30)

    statuses = [(each["attempt"], each["status"]) for each in webex.simulator.control.deliveries()]
    assert statuses == [(1, 503), (1, 503), (2, 503), (3, 503)]


def test_a_target_that_does_not_answer_is_a_failure(webex: Webex) -> None:
    webex.api.register("http://127.0.0.1:9/nobody", "meetings", "ended")
    webex.meeting()

    (delivery,) = webex.simulator.control.deliveries()
    assert (delivery["outcome"], delivery["status"]) == ("failed", None)
    assert delivery["error"] == "ConnectionError"


def test_a_hundred_failures_in_five_minutes_make_a_webhook_inactive(
    webex: Webex, receiver: Receiver
) -> None:
    receiver.status = 500
    hook = webex.api.register(receiver.url, "meetings", "ended")
    control = webex.simulator.control
    for _ in range(99):
        webex.meeting(recordings=0, transcripts=0)
    assert webex.api.json(f"/webhooks/{hook['id']}")["status"] == "active"

    webex.meeting()
    assert webex.api.json(f"/webhooks/{hook['id']}")["status"] == "inactive"

    webex.meeting()
    assert len(receiver.received) == 100
    assert len(control.deliveries()) == 100


def test_failures_further_apart_than_five_minutes_do_not_add_up(
    webex: Webex, receiver: Receiver
) -> None:
    receiver.status = 500
    hook = webex.api.register(receiver.url, "meetings", "ended")
    webex.simulator.control.change_settings(disable_after_failures=2)
    webex.meeting()
    webex.simulator.control.advance(300)
    webex.meeting()

    assert webex.api.json(f"/webhooks/{hook['id']}")["status"] == "active"


def test_after_reactivation_one_failure_within_five_minutes_is_enough(
    webex: Webex, receiver: Receiver
) -> None:
    receiver.status = 500
    hook = webex.api.register(receiver.url, "meetings", "ended")
    path = f"/webhooks/{hook['id']}"
    webex.simulator.control.change_settings(disable_after_failures=2)
    webex.meeting()
    webex.meeting()
    body = {"name": "again", "targetUrl": receiver.url, "status": "active"}

    assert webex.api.call("PUT", path, json=body).json()["status"] == "active"
    webex.meeting()

    assert webex.api.json(path)["status"] == "inactive"


def test_any_event_can_be_sent_by_hand(
    api: Api, control: ControlClient, receiver: Receiver
) -> None:
    api.register(receiver.url, "meetings", "ended", secret="quiet")

    sent = control.send_event(resource="meetings", event="ended", data={"id": "odd", "new": [1]})
    control.send_event(resource="meetings", event="ended", body="<not json>")

    assert sent["webhooks"] == 1
    assert receiver.received[0].data == {"id": "odd", "new": [1]}
    assert receiver.received[1].body == b"<not json>"


def test_an_event_can_be_sent_with_a_wrong_signature(
    api: Api, control: ControlClient, receiver: Receiver
) -> None:
    api.register(receiver.url, "meetings", "ended", secret="quiet")

    control.send_event(resource="meetings", event="ended", signature="wrong")
    control.send_event(resource="meetings", event="ended", signature="none")

    wrong, none = receiver.received
    expected = hmac.new(b"quiet", wrong.body, hashlib.sha1).hexdigest()
    assert wrong.headers["X-Spark-Signature"] != expected
    assert "X-Spark-Signature" not in none.headers


def test_a_strict_owner_gets_the_events_of_own_meetings_only(receiver: Receiver) -> None:
    with (
        Simulator(Settings(strict_owner=True)) as simulator,
        Api(simulator.api_url) as api,
    ):
        api.register(receiver.url, "meetings", "ended")
        for email in ("host@example.com", "other@example.com"):
            simulator.control.hold_meeting(host_email=email, timeline="instant")
        simulator.control.settle()

    assert [each.data["hostEmail"] for each in receiver.received] == ["host@example.com"]


def test_a_webhook_lost_by_its_timeline_is_never_sent(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "recordings", "created")
    webex.simulator.control.hold_meeting(timeline={"recording_webhook": None})
    webex.simulator.control.advance(7 * 86400)

    assert receiver.received == []


def test_a_meeting_can_be_held_without_any_webhook(webex: Webex, receiver: Receiver) -> None:
    webex.api.register(receiver.url, "meetings", "ended")
    webex.meeting(webhooks=False)

    assert receiver.received == []
