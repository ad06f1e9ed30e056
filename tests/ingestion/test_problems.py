"""What is wrong is told with its reason and what to do, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.db.ticks import BEAT, WEBHOOKS, WORKER, tick
from app.errors import IngestError, TransferError, WebexError
from app.ingestion.mending import mend_of
from app.ingestion.problems import Expected, problems
from app.models.problems import Problems
from app.models.words import Queue, Resource
from tests.stage import Stage
from tests.web.rows import Rows

EXPECTED = Expected(sweep_seconds=60, webhooks_seconds=900)


def told(stage: Stage) -> Problems:
    return problems(stage.bench, EXPECTED, free=stage.bench.archive.free_bytes())


def titles(stage: Stage) -> list[str]:
    return [each.title for each in told(stage).troubles]


def let_all_go_on(stage: Stage) -> Rows:
    """Everything that should happen regularly has just happened."""
    with stage.bench.database.transaction() as session:
        workers = (f"{WORKER}{queue}:w@a" for queue in Queue)
        for name in ("sweep", BEAT, WEBHOOKS, *workers):
            tick(session, name, now=stage.now)
    return Rows(stage.bench.database, stage.now)


def test_the_files_stored_last_are_read_once(sqlite_stage: Stage) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    engine = sqlite_stage.bench.database.engine
    event.listen(engine, "before_cursor_execute", note)
    told(sqlite_stage)
    event.remove(engine, "before_cursor_execute", note)

    assert sum("min(anon_1.stored_at)" in each for each in asked) == 1


def test_nothing_is_wrong_while_everything_goes_on(sqlite_stage: Stage) -> None:
    rows = let_all_go_on(sqlite_stage)
    rows.event("e1", "processed")
    rows.complete_meeting("m_I_1", start=sqlite_stage.now - timedelta(hours=1))

    found = told(sqlite_stage)

    assert found.troubles == []
    assert [each.name for each in found.courses if not each.is_fine] == []


def test_failures_are_told_by_kind_with_what_to_do(sqlite_stage: Stage) -> None:
    rows = let_all_go_on(sqlite_stage)
    for number in range(3):
        rows.failed_meeting(f"m_I_{number}", "It leads elsewhere.", start=sqlite_stage.now)

    failed, gaps = told(sqlite_stage).troubles

    assert (failed.what, failed.number, failed.reason) == ("failed", 3, "link_refused")
    assert (
        failed.title == "Failed: a download link leads to a host that DOWNLOAD_HOSTS does not allow"
    )
    assert "add it to DOWNLOAD_HOSTS" in failed.mend
    assert (gaps.what, gaps.number) == ("gaps", 3)


def test_workers_and_work_that_stand_still_are_told(sqlite_stage: Stage) -> None:
    rows = let_all_go_on(sqlite_stage)
    rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS)
    assert titles(sqlite_stage) == []

    sqlite_stage.now += timedelta(minutes=6)

    assert titles(sqlite_stage) == ["No worker looks for work", "Work waits for a worker"]
    unwell = {each.name for each in told(sqlite_stage).courses if not each.is_fine}
    assert {"Workers alive", "Beat was heard of", "Queue poll"} <= unwell


def test_what_nothing_came_of_is_told_and_is_not_grave(sqlite_stage: Stage) -> None:
    let_all_go_on(sqlite_stage).event("e1", "quarantined", error="It is no event.")

    [event] = told(sqlite_stage).troubles

    assert (event.what, event.is_grave, event.number) == ("events", False, 1)
    assert "replay --quarantined" in event.mend


def codes_of(error: type[IngestError]) -> set[str]:
    return {error.code}.union(*(codes_of(each) for each in error.__subclasses__()))


NEVER_THE_END = {
    # These wait, make something absent, or are what others are kinds of.
    *("webex", "transfer", "not_found", "gone", "token_refused", "token_renewing", "rate_limited"),
    *("host_busy", "disk_full"),
}


@pytest.mark.parametrize(
    "code",
    sorted(
        (codes_of(WebexError) | codes_of(TransferError) | {"fault", "worker_lost", "item_failed"})
        - NEVER_THE_END
    ),
)
def test_every_code_that_work_fails_with_is_explained(code: str) -> None:
    mend = mend_of(code)

    assert mend is not mend_of("a code that nobody knows")
    assert mend.meaning[0].islower() or mend.meaning.startswith("Webex")
    assert not mend.todo.endswith(".")
