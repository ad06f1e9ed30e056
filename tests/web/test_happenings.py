"""What leaves no row is counted in memory, written in batches, and told by every process alike."""

import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from app.config import load_settings
from app.db.engine import Database
from app.db.lags import BOUNDS
from app.db.meetings import mark_incomplete, settle_completeness
from app.models.outcomes import Absent
from app.models.tables import Meeting
from app.models.words import CORE_RESOURCES, Reason
from app.runtime import Runtime, build_runtime
from app.web.application import create_app
from tests.e2e.house import APPLICATION, GUNICORN
from tests.processes import eventually, free_port, spawn
from tests.web.conftest import NOON
from tests.web.rows import Rows

SECRET = "a-webhook-secret-for-counts"
DOOR = "/webhooks/webex"
EVENT = {"resource": "meetings", "event": "ended", "data": {"id": "a_I_1"}}
REFUSED = ("signature_wrong", "not_an_event", "body_too_large", "database_unavailable")


def made(database: Database, folder: Path) -> Runtime:
    return build_runtime(
        load_settings(
            database_url=database.url.render_as_string(hide_password=False),
            celery_broker_url=f"redis://127.0.0.1:{free_port()}/0",
            webex_webhook_secret=SECRET,
            webex_access_token="a-token-for-tests",
            archive_dir=folder / "archive",
        ),
        clock=lambda: NOON,
    )


@pytest.fixture
def runtime(tmp_path: Path, database: Database) -> Iterator[Runtime]:
    runtime = made(database, tmp_path)
    yield runtime
    runtime.bench.database.dispose()


@pytest.fixture
def door(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Spark-Signature": hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


def post(door: FlaskClient, value: object, secret: str = SECRET) -> int:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return door.post(DOOR, data=body, headers=signed(body, secret)).status_code


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name by their label values."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"webex_ingest_{name}"
    }


def told(door: FlaskClient, name: str) -> dict[tuple[str, ...], float]:
    return values(door.get("/metrics").text, name)


def test_every_delivery_is_counted_once_by_what_became_of_it(
    door: FlaskClient, runtime: Runtime
) -> None:
    unsigned, odd = {**EVENT, "x": 1}, {"resource": "meetings", "secret": "no event at all"}
    answers = [post(door, EVENT), post(door, EVENT), post(door, {**EVENT, "x": 2})]
    answers += [post(door, unsigned, "another secret"), post(door, b"x" * 70_000)]
    answers += [post(door, odd), post(door, odd), post(door, b"no JSON")]
    assert answers == [204, 204, 204, 401, 413, 400, 400, 400]

    runtime.counts.flush()

    assert told(door, "webhook_deliveries_total") == {
        ("stored",): 2,
        ("duplicate",): 1,
        ("signature_wrong",): 1,
        ("not_an_event",): 3,
        ("body_too_large",): 1,
        ("database_unavailable",): 0,
    }
    assert told(door, "events")[("quarantined",)] == 1


def test_what_could_not_be_stored_is_told_once_the_database_is_back(
    tmp_path: Path, sqlite: Database
) -> None:
    runtime = made(sqlite, tmp_path)
    door = create_app(runtime).test_client()
    path = Path(str(sqlite.url.database))
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    assert [post(door, EVENT), post(door, EVENT)] == [503, 503]
    runtime.counts.flush_if_possible()
    runtime.bench.database.dispose()
    path.rmdir()
    path.with_suffix(".away").rename(path)

    runtime.counts.flush()

    assert told(door, "webhook_deliveries_total")[("database_unavailable",)] == 2
    runtime.bench.database.dispose()


def test_the_lag_of_a_meeting_is_counted_when_it_is_first_complete_and_never_again(
    door: FlaskClient, database: Database, rows: Rows
) -> None:
    # They end half an hour after their start.
    for number, minutes in enumerate((30, 31, 45, 60, 30 + 96 * 60, 31 + 96 * 60)):
        rows.complete_meeting(f"m{number}_I_1", start=NOON - timedelta(minutes=minutes))
    with database.transaction() as session:
        mark_incomplete(session, [1, 2])
        for meeting_row_id in (1, 2, 3):
            settle_completeness(session, meeting_row_id, now=NOON + timedelta(days=9))

    buckets = told(door, "meeting_lag_seconds_bucket")

    counted = {float(le): number for (le, source), number in buckets.items() if source == "webhook"}
    assert counted == {
        **{float(bound): 4 for bound in BOUNDS},
        **dict.fromkeys((60.0, 120.0, 300.0, 600.0), 2),
        900.0: 3,
        96 * 3600.0: 5,
        float("inf"): 6,
    }
    assert told(door, "meeting_lag_seconds_count")[("webhook",)] == 6
    assert told(door, "meeting_lag_seconds_sum")[("webhook",)] == 60 * (
        1 + 15 + 30 + 2 * 96 * 60 + 1
    )


def test_a_meeting_that_was_left_out_or_has_no_end_has_no_lag_and_a_foreign_source_no_label(
    door: FlaskClient, database: Database, rows: Rows
) -> None:
    left_out = rows.meeting("a_I_1", start=NOON - timedelta(hours=2))
    assert left_out.id is not None
    for resource in CORE_RESOURCES:
        rows.ingest(left_out, resource, outcome=Absent(Reason.EXCLUDED_BY_POLICY))
    with database.transaction() as session:
        settle_completeness(session, left_out.id, now=NOON)
        session.execute(update(Meeting).values(source="evil\nlabel"))
    rows.meeting("b_I_1")
    with database.transaction() as session:
        session.execute(update(Meeting).values(source="evil"))
    rows.complete_meeting("b_I_1", start=NOON - timedelta(hours=1))

    assert told(door, "meeting_lag_seconds_count") == {
        ("webhook",): 0,
        ("backfill",): 0,
        ("command",): 0,
        ("other",): 1,
    }


def test_every_web_process_tells_the_same_and_writes_what_it_has_counted_before_it_ends(
    tmp_path: Path, sqlite: Database
) -> None:
    port = free_port()
    environment = {
        "DATABASE_URL": str(sqlite.url),
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
        "WEBEX_WEBHOOK_SECRET": SECRET,
        "ARCHIVE_DIR": str(tmp_path / "archive"),
        "LOG_FORMAT": "json",
    }
    bind = ["--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    argv = [sys.executable, "-m", *GUNICORN, *bind, APPLICATION]
    body = json.dumps(EVENT).encode()

    def refuse(times: int) -> None:
        for _ in range(times):
            answer = requests.post(f"{door}{DOOR}", data=body, headers=signed(body, "?"), timeout=9)
            assert answer.status_code == 401

    def refused() -> float:
        text = requests.get(f"{door}/metrics", timeout=9).text
        return values(text, "webhook_deliveries_total")[("signature_wrong",)]

    door = f"http://127.0.0.1:{port}"
    with spawn(argv, environment, cwd=tmp_path) as web:
        eventually(lambda: lives(door), seconds=40, message=web.output)
        refuse(12)
        seen = [0.0]

        def is_written() -> bool:
            seen.append(refused())
            return seen[-1] == 12

        eventually(is_written, message=web.output)
        assert seen == sorted(seen)
        assert {refused() for _ in range(10)} == {12}
        refuse(8)
        web.process.terminate()
        assert web.process.wait(20) == 0

    runtime = made(sqlite, tmp_path)
    client = create_app(runtime).test_client()
    assert told(client, "webhook_deliveries_total")[("signature_wrong",)] == 20
    runtime.bench.database.dispose()


def lives(address: str) -> bool:
    try:
        return requests.get(f"{address}/livez", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
