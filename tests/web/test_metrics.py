"""The figures that Prometheus scrapes come from the database and name no meeting."""

import re
import socket
import time
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app.db.engine import Database
from app.db.ticks import tick
from app.dispatch.broker import Broker
from app.ingestion.status import overview
from app.models.outcomes import Wait
from app.models.words import Kind, Queue, Reason, Resource
from tests.processes import free_port
from tests.web.conftest import LEASE_SECONDS, NOON, MakeClient
from tests.web.rows import UNTOLD, Rows

LONG_AGO = NOON - timedelta(hours=1)


def samples(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """All samples by name and label values, without the common prefix."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("webex_ingest_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_rows(
    client: FlaskClient, rows: Rows, database: Database
) -> None:
    rows.complete_meeting("m_I_1", start=NOON - timedelta(days=1))
    rows.failed_meeting("m_I_2", "It went wrong.")
    waiting = rows.meeting("m_I_3")
    rows.ingest(waiting, Resource.TRANSCRIPTS, due_at=NOON - timedelta(seconds=90))
    running = rows.ingest(waiting, Resource.RECORDINGS, "r3")
    rows.run(running, stage="video", bytes_done=300, bytes_total=1000, bytes_per_second=50)
    rows.event("e1", "processed", deliveries=3)
    rows.event("e2")
    rows.event("e3", "quarantined", error="It is no event.")
    with database.transaction() as session:
        tick(session, "sweep", now=NOON - timedelta(seconds=4))

    told = samples(client)

    expected = {
        ("meetings", "complete"): 1,
        ("meetings", "failed"): 1,
        ("meetings", "waiting"): 1,
        ("ingests", "recordings", "done"): 2,
        ("ingests", "recordings", "failed"): 1,
        ("ingests", "recordings", "running"): 1,
        ("ingests", "meetingTranscripts", "absent"): 1,
        ("ingests", "meetingTranscripts", "waiting"): 1,
        ("gap_meetings",): 1,
        ("running_transfers",): 1,
        ("running_bytes_done",): 300,
        ("running_bytes_expected",): 1000,
        ("running_bytes_per_second",): 50,
        ("running_remaining_seconds",): 14,
        ("unfinished_bytes",): 300,
        ("events", "processed"): 1,
        ("events", "new"): 1,
        ("events", "quarantined"): 1,
        ("webhook_deliveries_total", "stored"): 3,
        ("webhook_deliveries_total", "duplicate"): 2,
        ("last_delivery_age_seconds",): 0,
        ("files_total", "video"): 1,
        ("file_bytes_total", "video"): 4_982_263,
        ("due_work", "1m to 5m", "poll"): 1,
        ("due_work", "under 1m", "control"): 1,
        ("oldest_due_seconds", "poll"): 90,
        ("oldest_due_seconds", "transfer"): 0,
        ("last_sweep_age_seconds",): 4,
        ("archive_reserve_bytes",): 1,
    }
    assert {name: told[name] for name in expected} == expected
    assert told[("archive_disk_bytes",)] > told[("archive_free_bytes",)] > 0


def test_speeds_add_up_and_a_silent_worker_has_none(client: FlaskClient, rows: Rows) -> None:
    meeting = rows.meeting("m_I_1")
    ids = [rows.ingest(meeting, Resource.RECORDINGS, f"r{n}", due_at=LONG_AGO) for n in range(4)]
    rows.run(ids[0], stage="video", bytes_done=100, bytes_total=1000, bytes_per_second=30)
    rows.run(ids[1], stage="audio", bytes_done=20, bytes_per_second=12)
    rows.run(ids[2], stage="video", bytes_done=3)
    rows.now = NOON - timedelta(minutes=2)
    rows.run(ids[3], stage="video", bytes_done=4000, bytes_total=5000, bytes_per_second=999)

    told = samples(client)

    assert told[("running_transfers",)] == 3
    assert told[("running_bytes_per_second",)] == 42
    assert told[("running_bytes_done",)] == 123
    assert told[("running_bytes_expected",)] == 1000
    assert told[("unfinished_bytes",)] == 4123


def test_the_remaining_time_is_that_of_the_overview_with_its_slowest_transfer(
    client: FlaskClient, rows: Rows, database: Database
) -> None:
    meeting = rows.meeting("m_I_1")
    quick, slow = (rows.ingest(meeting, Resource.RECORDINGS, name) for name in ("r1", "r2"))
    rows.run(quick, stage="video", bytes_done=0, bytes_total=900, bytes_per_second=99)
    rows.run(slow, stage="video", bytes_done=0, bytes_total=100, bytes_per_second=3)

    transfers = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers

    assert samples(client)[("running_remaining_seconds",)] == transfers.remaining_seconds == 34


@pytest.mark.parametrize("progress", UNTOLD, ids=str)
def test_a_remaining_time_that_nobody_knows_has_no_sample(
    client: FlaskClient, rows: Rows, progress: dict[str, int]
) -> None:
    ingest_id = rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1")
    rows.run(ingest_id, stage="video", **progress)

    assert ("running_remaining_seconds",) not in samples(client)


def test_what_waits_with_half_a_file_counts_as_unfinished_and_not_as_running(
    client: FlaskClient, rows: Rows
) -> None:
    ingest_id = rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1")
    lease = rows.run(ingest_id, stage="video", bytes_done=300, bytes_per_second=50)

    rows.end(lease, Wait(NOON, Reason.SHUTDOWN))

    told = samples(client)
    assert told[("unfinished_bytes",)] == 300
    assert told[("running_bytes_done",)] == told[("running_bytes_per_second",)] == 0


def test_an_empty_database_has_every_figure_at_zero(client: FlaskClient) -> None:
    told = samples(client)

    assert told[("events", "new")] == told[("files_total", "vtt")] == 0
    assert told[("ingests", "meetings", "failed")] == told[("meetings", "failed")] == 0
    assert told[("running_bytes_per_second",)] == told[("unfinished_bytes",)] == 0
    assert told[("running_remaining_seconds",)] == 0
    assert told[("oldest_due_seconds", "poll")] == told[("due_work", "over 1h", "poll")] == 0
    assert told[("workers", "poll")] == told[("meeting_lag_seconds_count", "webhook")] == 0
    assert ("last_delivery_age_seconds",) not in told
    assert ("last_sweep_age_seconds",) not in told


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(59, "under 1m"), (60, "1m to 5m"), (300, "5m to 1h"), (3_600, "over 1h")],
)
def test_due_work_is_told_by_how_long_it_has_been_due(
    client: FlaskClient, rows: Rows, seconds: int, age: str
) -> None:
    meeting = rows.meeting("m_I_1")
    rows.ingest(meeting, Resource.RECORDINGS, "r1", due_at=NOON - timedelta(seconds=seconds))
    rows.ingest(meeting, Resource.TRANSCRIPTS, due_at=NOON + timedelta(seconds=1))

    told = samples(client)

    assert {key: each for key, each in told.items() if key[0] == "due_work" and each} == {
        ("due_work", age, "transfer"): 1
    }
    assert told[("oldest_due_seconds", "transfer")] == seconds


def test_workers_and_beat_count_as_long_as_they_are_heard_of(
    client: FlaskClient, database: Database
) -> None:
    with database.transaction() as session:
        for name, seconds in (
            ("worker:poll:poll@a", 59),
            ("worker:poll:poll@b", 5),
            ("worker:transfer:transfer@a", 61),
            ("beat", 7),
            ("backfill", 70),
        ):
            tick(session, name, now=NOON - timedelta(seconds=seconds))

    told = samples(client)

    assert [told[("workers", each)] for each in ("control", "poll", "transfer")] == [0, 2, 0]
    assert told[("last_beat_age_seconds",)] == 7
    assert told[("last_backfill_age_seconds",)] == 70


def test_a_broker_and_a_disk_that_do_not_answer_hold_up_no_figure(
    make_client: MakeClient, sqlite: Database
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = make_client(
            database_url=str(sqlite.url),
            celery_broker_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
        )
        began = time.monotonic()

        told = samples(client)

    assert time.monotonic() - began < 2
    assert told[("broker_up",)] == 0
    assert ("broker_messages", "poll") not in told


def test_the_depth_of_the_queues_is_told(
    make_client: MakeClient, sqlite: Database, broker_url: str
) -> None:
    client = make_client(database_url=str(sqlite.url), celery_broker_url=broker_url)
    Broker(broker_url).nudge(1, Queue.POLL, expires_seconds=60)

    told = samples(client)

    assert told[("broker_up",)] == 1
    assert [told[("broker_messages", each)] for each in ("control", "poll")] == [0, 1]


def test_every_name_follows_the_conventions_and_no_label_has_a_foreign_word(
    client: FlaskClient, rows: Rows
) -> None:
    rows.complete_meeting("m_I_1", start=NOON, host_email="ada@example.com")
    labels = {"account", "age", "database", "kind", "le", "outcome", "python", "queue"}
    labels |= {"resource", "source", "state", "status", "token", "version"}

    for family in text_string_to_metric_families(client.get("/metrics").text):
        assert re.fullmatch(r"webex_ingest_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert family.type in {"gauge", "counter", "histogram"}
        assert not re.search(r"milli|minutes|hours|days|kib|mib|percent", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert set(sample.labels) <= labels


def test_no_figure_names_a_meeting_a_person_or_a_file(client: FlaskClient, rows: Rows) -> None:
    meeting = rows.complete_meeting(
        "private_I_1", start=NOON, title="Private title", host_email="ada@example.com"
    )
    rows.file(meeting, "private.mp3", Kind.AUDIO, 1, Resource.RECORDINGS)

    told = client.get("/metrics").text

    assert not any(word in told for word in ("rivate", "@", "a1b2c3"))


def test_a_database_that_is_away_fails_the_scrape(make_client: MakeClient) -> None:
    client = make_client(database_url=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")

    assert client.get("/metrics").status_code == 503
