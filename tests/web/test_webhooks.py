"""The door for deliveries: whatever comes, the right status, and only events are stored."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.config import load_settings
from app.db.engine import Database
from app.errors import SettingsError
from app.models.tables import WebhookEvent
from app.runtime import build_runtime
from app.web.application import create_app
from app.webex.signature import sign_newly

OLD, NEW = "the-old-secret", "the-new-secret"
DOOR = "/webhooks/webex"
EVENT = {"resource": "meetings", "event": "created", "data": {"id": "501e995485e2460b"}}


@pytest.fixture
def door(tmp_path: Path, database: Database, broker_url: str) -> Iterator[FlaskClient]:
    """The web application over a real database and a real broker."""
    runtime = build_runtime(
        load_settings(
            database_url=database.url.render_as_string(hide_password=False),
            celery_broker_url=broker_url,
            webex_webhook_secret=f"{NEW}, {OLD}",
            archive_dir=tmp_path / "archive",
        )
    )
    yield create_app(runtime).test_client()
    runtime.bench.database.dispose()


def post(door: FlaskClient, body: bytes, secret: str = NEW, **headers: str) -> TestResponse:
    """Deliver a body as Webex does."""
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return door.post(DOOR, data=body, headers={"X-Spark-Signature": signature, **headers})


def stored(database: Database) -> list[WebhookEvent]:
    """All events in the inbox."""
    with database.reading() as session:
        return list(session.scalars(select(WebhookEvent)))


def encoded(value: Any) -> bytes:
    """A body."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_an_event_signed_with_any_of_our_secrets_is_stored(
    door: FlaskClient, database: Database, secret: str
) -> None:
    answer = post(door, encoded(EVENT), secret)

    assert answer.status_code == 204
    assert [(e.resource, e.event, e.data_id) for e in stored(database)] == [
        ("meetings", "created", "501e995485e2460b")
    ]


def test_the_published_test_vector_of_the_signature_is_accepted_as_signed(
    tmp_path: Path, database: Database, broker_url: str
) -> None:
    runtime = build_runtime(
        load_settings(
            database_url=database.url.render_as_string(hide_password=False),
            celery_broker_url=broker_url,
            webex_webhook_secret="myBongoSecret",
            archive_dir=tmp_path,
        )
    )
    headers = {"X-Spark-Signature": "01e0cb6a53731b9615b483335d77d97023410c72"}

    answer = (
        create_app(runtime)
        .test_client()
        .post(DOOR, data=b'{"a":1,"b":2,"c":{"d":3}}', headers=headers)
    )

    assert answer.status_code == 400, "signed, though not an event"
    runtime.bench.database.dispose()


def test_equal_deliveries_share_a_row(door: FlaskClient, database: Database) -> None:
    for _ in range(3):
        assert post(door, encoded(EVENT)).status_code == 204

    assert [event.deliveries for event in stored(database)] == [3]


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 40,
        "0" * 39,
        "0" * 41,
        "z" * 40,
        "é" * 40,
        "sha1=" + "0" * 40,
        "01e0cb6a53731b9615b483335d77d97023410c72 ",
    ],
)
def test_a_wrong_signature_is_refused(
    door: FlaskClient, database: Database, signature: str | None
) -> None:
    headers = (
        {} if signature is None else {"X-Spark-Signature": signature.encode().decode("latin-1")}
    )

    answer = door.post(DOOR, data=encoded(EVENT), headers=headers)

    assert answer.status_code == 401
    assert stored(database) == []


def test_a_delivery_with_the_newer_signature_alone_is_stored(
    door: FlaskClient, database: Database
) -> None:
    body = encoded(EVENT)
    signature = sign_newly(body, NEW)

    answer = door.post(DOOR, data=body, headers={"X-Webex-Signature": signature})

    assert answer.status_code == 204
    assert len(stored(database)) == 1


def test_a_repeated_signature_header_is_refused(door: FlaskClient, database: Database) -> None:
    body = encoded(EVENT)
    signature = hmac.new(NEW.encode(), body, hashlib.sha1).hexdigest()

    answer = door.post(
        DOOR, data=body, headers=[("X-Spark-Signature", signature), ("X-Spark-Signature", "0" * 40)]
    )

    assert answer.status_code == 401
    assert stored(database) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b"{}",
        encoded({"resource": "meetings", "event": "ended"}),
        encoded({"resource": "meetings", "event": "ended", "data": None}),
        encoded({"resource": "meetings", "event": "ended", "data": []}),
        encoded({"resource": "meetings", "event": "ended", "data": {"id": 5}}),
        encoded({"resource": "meetings", "event": "ended", "data": {"id": ""}}),
        encoded({"resource": "meetings", "event": "ended", "data": {"id": "a\x00b"}}),
        encoded({"resource": "meetings", "event": "ended", "data": {"id": "\ud800"}}),
        encoded({"resource": 5, "event": "ended", "data": {"id": "x"}}),
        encoded({"resource": "meetings", "event": None, "data": {"id": "x"}}),
        encoded({"resource": "meetings", "event": "ended", "data": {"id": "x" * 513}}),
        b'{"resource":"meetings","event":"ended","data":{"id":"x"},"n":' + b"9" * 5000 + b"}",
        b"[" * 30_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_what_is_no_event_is_refused_and_never_taken_for_one(
    door: FlaskClient, database: Database, body: bytes
) -> None:
    answer = post(door, body)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]
    assert [event for event in stored(database) if event.outcome != "quarantined"] == []
    assert door.post(DOOR, data=body).status_code == 401


def test_what_is_signed_and_no_event_is_kept_with_the_reason_and_without_secrets(
    door: FlaskClient, database: Database
) -> None:
    odd = {"resource": "recordings", "data": {"password": "hidden", "id": 5, "topic": "Sync"}}

    for _ in range(2):
        assert post(door, encoded(odd)).status_code == 400

    (kept,) = stored(database)
    assert (kept.outcome, kept.error_code, kept.deliveries) == ("quarantined", "not_an_event", 2)
    assert "data.id, event is wrong" in str(kept.error)
    assert (kept.resource, kept.event, kept.data_id) == ("recordings", "", "")
    assert "Sync" in kept.body
    assert "hidden" not in kept.body


def test_what_nobody_signed_is_never_kept(
    tmp_path: Path, database: Database, broker_url: str
) -> None:
    runtime = build_runtime(
        load_settings(
            database_url=database.url.render_as_string(hide_password=False),
            celery_broker_url=broker_url,
            webex_webhook_secret="",
            allow_unsigned_webhooks=True,
            archive_dir=tmp_path,
        )
    )

    answer = create_app(runtime).test_client().post(DOOR, data=encoded({"resource": "meetings"}))

    assert answer.status_code == 400
    assert stored(database) == []
    runtime.bench.database.dispose()


@pytest.mark.parametrize(
    "odd",
    [
        {"resource": "telephony_calls", "event": "created", "data": {"id": "x"}},
        {"resource": "meetings", "event": "exploded", "data": {"id": "x"}},
        {**EVENT, "data": {"id": "x", "start": "yesterday", "hostEmail": 7, "siteUrl": ["?"]}},
        {**EVENT, "data": {"id": "x", "title": "half \ud800 a pair and a \x00"}},
        {**EVENT, "unknown": {"deeply": [{"nested": None}]}},
    ],
)
def test_unknown_and_odd_events_are_stored(
    door: FlaskClient, database: Database, odd: dict[str, Any]
) -> None:
    assert post(door, encoded(odd)).status_code == 204
    assert len(stored(database)) == 1


def test_a_body_of_64_kib_is_taken_and_one_byte_more_is_not(
    door: FlaskClient, database: Database
) -> None:
    body = encoded({**EVENT, "padding": ""})
    largest = body[:-2] + b"x" * (64 * 1024 - len(body)) + body[-2:]

    assert post(door, largest).status_code == 204
    assert post(door, largest[:-2] + b"x" + largest[-2:]).status_code == 413
    assert post(door, b"x" * 65 * 1024 * 1024).status_code == 413
    assert len(stored(database)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_answered(door: FlaskClient, method: str) -> None:
    assert door.open(DOOR, method=method).status_code == 405


def test_secrets_and_links_in_an_event_are_never_stored(
    door: FlaskClient, database: Database
) -> None:
    data = {
        "id": "r1",
        "downloadUrl": "https://example.webex.com/lsr.php?RCID=hidden",
        "playbackUrl": "https://example.webex.com/ldr.php?RCID=hidden",
        "password": "hidden",
        "temporaryDirectDownloadLinks": {"recordingDownloadLink": "https://x/?ticket=hidden"},
    }

    post(door, encoded({"resource": "recordings", "event": "created", "data": data}))

    assert "hidden" not in stored(database)[0].body


def test_without_a_secret_the_door_does_not_open(
    database: Database, broker_url: str, tmp_path: Path
) -> None:
    told = {
        "database_url": database.url.render_as_string(hide_password=False),
        "celery_broker_url": broker_url,
        "archive_dir": tmp_path,
        "webex_webhook_secret": "",
    }
    with pytest.raises(SettingsError, match="WEBEX_WEBHOOK_SECRET"):
        create_app(build_runtime(load_settings(**told)))

    allowed = build_runtime(load_settings(**told, allow_unsigned_webhooks=True))
    answer = create_app(allowed).test_client().post(DOOR, data=encoded(EVENT))

    assert answer.status_code == 204
    allowed.bench.database.dispose()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=300), signature=st.text(max_size=60))
def test_no_bytes_and_no_signature_make_the_door_fail(
    door: FlaskClient, body: bytes, signature: str
) -> None:
    header = signature.encode("utf-8", "replace").decode("latin-1")
    header = "".join(char for char in header if char not in "\r\n")

    assert door.post(DOOR, data=body, headers={"X-Spark-Signature": header}).status_code == 401
    assert post(door, body).status_code in (400, 204)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=15,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(resource=json_values, event=json_values, data=json_values, rest=json_values)
def test_no_json_makes_the_door_fail(
    door: FlaskClient, resource: Any, event: Any, data: Any, rest: Any
) -> None:
    body = {"resource": resource, "event": event, "data": data, "rest": rest}

    assert post(door, encoded(body)).status_code in (400, 204)
    hints = {"resource": "meetings", "event": "ended", "data": {"id": "x_I_1", "start": rest}}
    assert post(door, encoded(hints)).status_code == 204
