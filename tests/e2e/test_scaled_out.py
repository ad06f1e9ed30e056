"""The main job on Postgres and a shared broker, every process by itself."""

from pathlib import Path

import pytest

from tests.e2e.house import House, house
from tests.processes import eventually
from tests.servers import ValkeyServer

THREADS = {"control": "prefork", "poll": "threads", "transfer": "threads"}
PREFORK = {"control": "threads", "poll": "prefork", "transfer": "prefork"}


def hold(home: House, count: int = 1) -> list[str]:
    """Register the webhooks and hold meetings; their ids."""
    home.command("webhooks", "register")
    control = home.simulator.control
    order = {"recordings": [{"bytes": 900_000}, {}], "transcripts": 1}
    return [control.hold_meeting(**order)["meeting_id"] for _ in range(count)]


@pytest.mark.parametrize("pools", [THREADS, PREFORK], ids=["threads", "prefork"])
def test_postgres_and_a_shared_broker_run_the_same_road(
    tmp_path: Path, postgres_url: str, broker_url: str, pools: dict[str, str]
) -> None:
    told = {"DATABASE_URL": postgres_url, "CELERY_BROKER_URL": broker_url}
    with house(tmp_path, told) as home:
        home.command("migrate")
        with home.scaled_out(pools):
            meetings = hold(home, 3)

            for meeting_id in meetings:
                home.wait_until_complete(meeting_id)
                assert home.differences(meeting_id) == []


def test_nothing_is_lost_when_the_broker_is_flushed_in_the_middle(
    tmp_path: Path, postgres_url: str, valkey: ValkeyServer
) -> None:
    valkey.flush()
    told = {"DATABASE_URL": postgres_url, "CELERY_BROKER_URL": valkey.url}
    with house(tmp_path, told) as home:
        home.command("migrate")
        with home.scaled_out(THREADS):
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
            assert [home.differences(each) for each in meetings] == [[], [], [], []]
            asked = home.simulator.control.requests(origin="media")
            assert len(asked) == 4 * 4, "each media file was transferred once"


def test_a_process_on_an_unmigrated_database_says_what_to_do(
    tmp_path: Path, postgres_url: str, broker_url: str
) -> None:
    told = {"DATABASE_URL": postgres_url, "CELERY_BROKER_URL": broker_url}
    with house(tmp_path, told) as home:
        assert "webex-ingest migrate" in home.command("status", code=1)
