"""The main job on Postgres and a shared broker, every process by itself."""

from pathlib import Path

import pytest

from app.db.engine import Database
from app.db.schema import migrate
from app.db.tallies import Happening, totals
from tests.e2e.house import House, house
from tests.processes import eventually
from tests.servers import ValkeyServer

THREADS = {"control": "prefork", "poll": "threads", "transfer": "threads"}
PREFORK = {"control": "threads", "poll": "prefork", "transfer": "prefork"}


@pytest.fixture
def database_url_of_postgres(postgres_url: str) -> str:
    """The address of a migrated Postgres database."""
    database = Database(postgres_url)
    migrate(database)
    database.dispose()
    return postgres_url


def hold(home: House, count: int) -> list[str]:
    """Register the webhooks and hold meetings; their ids."""
    home.register()
    control = home.simulator.control
    order = {"recordings": [{"bytes": 900_000}, {}], "transcripts": 1}
    return [control.hold_meeting(**order)["meeting_id"] for _ in range(count)]


def check(home: House, meetings: list[str]) -> None:
    """Every file is right, each media file was transferred once, nothing is half written."""
    assert [home.differences(each) for each in meetings] == [[] for _ in meetings]
    assert len(home.simulator.control.requests(origin="media")) == 4 * len(meetings)
    home.wait_until_no_part_is_left()


def test_postgres_and_a_shared_broker_run_the_same_road_with_prefork_pools(
    tmp_path: Path, database_url_of_postgres: str, broker_url: str
) -> None:
    told = {"DATABASE_URL": database_url_of_postgres, "CELERY_BROKER_URL": broker_url}
    with house(tmp_path, told) as home:
        with home.scaled_out(PREFORK):
            meetings = hold(home, 3)

            for meeting_id in meetings:
                home.wait_until_complete(meeting_id)

            check(home, meetings)

        asked = home.simulator.control.requests(origin="api")
        by_workers = [each for each in asked if "/webhooks" not in each["path"]]
        assert len(by_workers) > 20
        assert requests_counted(database_url_of_postgres) == len(by_workers)


def requests_counted(database_url: str) -> int:
    """How many requests all processes together have counted, once all have ended."""
    database = Database(database_url)
    with database.reading() as session:
        counted = totals(session, Happening.API_REQUEST)
    database.dispose()
    return sum(number for number, _ in counted.values())


def test_nothing_is_lost_with_thread_pools_when_the_broker_is_flushed_again_and_again(
    tmp_path: Path, database_url_of_postgres: str, valkey: ValkeyServer
) -> None:
    valkey.flush()
    told = {"DATABASE_URL": database_url_of_postgres, "CELERY_BROKER_URL": valkey.url}
    with house(tmp_path, told) as home, home.scaled_out(THREADS):
        meetings = hold(home, 4)
        flushes = 0

        def all_complete() -> bool:
            nonlocal flushes
            valkey.flush()
            flushes += 1
            found = [home.manifest(each) for each in meetings]
            return all(each is not None and each["complete"] for each in found)

        eventually(all_complete, seconds=90, message="a flush lost something")

        assert flushes > 5
        check(home, meetings)


def test_a_process_on_an_unmigrated_database_says_what_to_do(
    tmp_path: Path, postgres_url: str, broker_url: str
) -> None:
    told = {"DATABASE_URL": postgres_url, "CELERY_BROKER_URL": broker_url}
    with house(tmp_path, told) as home:
        assert "webex-ingest migrate" in home.command("status", code=1)
