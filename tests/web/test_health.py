"""The probes: alive is not ready, and ready means that an event could be stored now."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from app.db.engine import Database
from app.db.ticks import tick
from app.models.tables import WebhookEvent
from app.web.looks import BoundedLook
from tests.processes import eventually, free_port
from tests.web.conftest import NOON, MakeClient
from tests.web.rows import Rows


def test_a_live_process_says_so_without_a_database(make_client: MakeClient) -> None:
    client = make_client(database_url=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")

    answer = client.get("/livez")

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_everything_is_well(make_client: MakeClient, database: Database, broker_url: str) -> None:
    client = make_client(
        database_url=database.url.render_as_string(hide_password=False),
        celery_broker_url=broker_url,
    )
    with database.transaction() as session:
        tick(session, "sweep", now=NOON)

    # The first look at a broker may take longer than a probe waits for it.
    eventually(lambda: oks(client)["broker"], seconds=15)

    assert oks(client) == {
        "events": True,
        "broker": True,
        "disk": True,
        "due_work": True,
        "last_sweep": True,
    }


def test_the_disk_is_told_against_its_reserve(client: FlaskClient) -> None:
    checks = client.get("/readyz").get_json()["checks"]

    assert checks["disk"]["free_bytes"] > checks["disk"]["reserve_bytes"] == 1


def test_a_broker_that_is_away_is_told_and_fails_nothing(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.get_json()["checks"]["broker"] == {"ok": False, "waiting_messages": None}


def test_late_work_a_late_sweep_and_a_full_disk_are_told_and_fail_nothing(
    make_client: MakeClient, database: Database, rows: Rows
) -> None:
    client = make_client(
        database_url=database.url.render_as_string(hide_password=False),
        disk_reserve_bytes=2**60,
    )
    with database.transaction() as session:
        tick(session, "sweep", now=NOON.replace(hour=11))
    rows.now = NOON.replace(hour=10)
    rows.event("recording-1")

    answer = client.get("/readyz")

    checks = answer.get_json()["checks"]
    assert answer.status_code == 200
    assert checks["due_work"] == {"ok": False, "oldest_due_seconds": 7200.0}
    assert checks["last_sweep"] == {"ok": False, "at": "2026-03-02T11:00:00Z", "age_seconds": 3600}
    assert not checks["disk"]["ok"]


def test_a_probe_stores_no_event(client: FlaskClient, database: Database) -> None:
    client.get("/readyz")

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(WebhookEvent)) == 0


def test_a_locked_database_is_not_ready_and_is_again_when_it_is_free(
    client: FlaskClient, database: Database
) -> None:
    with locked(database):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["checks"]["events"]["ok"] is False
    eventually(lambda: client.get("/readyz").status_code == 200, seconds=15)


def test_a_database_without_tables_is_not_ready_and_says_what_to_run(
    make_client: MakeClient, database_url: str
) -> None:
    answer = make_client(database_url=database_url).get("/readyz")

    assert answer.status_code == 503
    assert "webex-ingest migrate" in answer.get_json()["checks"]["events"]["error"]


def test_a_database_that_is_away_is_not_ready_and_no_address_is_told(
    make_client: MakeClient, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    away = make_client(database_url=f"sqlite:///{gone / 'webex-ingest.db'}")
    shutil.rmtree(gone)
    unreachable = make_client(
        database_url=f"postgresql+psycopg://some-user:some-password@127.0.0.1:{free_port()}/x"
    )

    for client in (away, unreachable):
        answer = client.get("/readyz")
        assert answer.status_code == 503
        told = answer.text
        assert not any(word in told for word in ("some-", "127.0.0.1", str(tmp_path), "sqlite"))


def test_a_look_that_never_ends_holds_one_thread_and_nobody_for_long() -> None:
    free, looks = threading.Event(), []

    def slow() -> str:
        looks.append(1)
        free.wait(10)
        return "seen"

    look = BoundedLook(slow, seconds=0.05, fresh_seconds=60)

    assert [look.answer() for _ in range(3)] == [None, None, None]
    free.set()
    eventually(lambda: look.answer() == "seen", seconds=5)
    assert len(looks) == 1


def test_a_fresh_answer_is_given_again_and_a_stale_one_is_not() -> None:
    numbers = iter(range(10))
    fresh = BoundedLook(lambda: next(numbers), seconds=5, fresh_seconds=60)
    stale = BoundedLook(lambda: next(numbers), seconds=5, fresh_seconds=-1)

    assert (fresh.answer(), fresh.answer()) == (0, 0)
    assert (stale.answer(), stale.answer()) == (1, 2)


def oks(client: FlaskClient) -> dict[str, bool]:
    """Which checks of a ready service are well."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return {name: check["ok"] for name, check in answer.get_json()["checks"].items()}


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Hold the lock that every write of a probe needs."""
    with database.engine.execution_options(write=True).connect() as connection:
        taken = "SELECT 1" if database.is_sqlite else "LOCK TABLE tick IN EXCLUSIVE MODE"
        connection.execute(text(taken))
        yield
        connection.rollback()
