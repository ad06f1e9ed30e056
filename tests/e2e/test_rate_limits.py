"""A storm of 429s over many meetings: all complete, and the budget is kept by all processes."""

from datetime import datetime, timedelta
from pathlib import Path

from app.db.engine import Database
from app.db.schema import migrate
from tests.e2e.house import house

MEETINGS = 20
PER_MINUTE = 240
# Real processes share one budget in Redis, whose window is a real minute.
LONGEST_SECONDS = 240


def test_every_third_request_is_refused_and_no_window_has_more_than_the_budget(
    tmp_path: Path, postgres_url: str, broker_url: str
) -> None:
    database = Database(postgres_url)
    migrate(database)
    database.dispose()
    told = {
        "DATABASE_URL": postgres_url,
        "CELERY_BROKER_URL": broker_url,
        "RATE_LIMIT_PER_MINUTE": str(PER_MINUTE),
        "POLL_GIVE_UP_HOURS": "1",
    }
    pools = {"control": "prefork", "poll": "threads", "transfer": "prefork"}
    with house(tmp_path, told) as home, home.scaled_out(pools):
        home.register()
        control = home.simulator.control
        control.forget_requests()
        control.add_fault(
            origin="api", status=429, headers={"Retry-After": "1"}, every=3, times=None
        )
        held = [control.hold_meeting(transcripts=1)["meeting_id"] for _ in range(MEETINGS)]

        for meeting_id in held:
            home.wait_until_complete(meeting_id, seconds=LONGEST_SECONDS)

        assert [home.differences(each) for each in held] == [[]] * MEETINGS
        asked = [each for each in control.requests(origin="api") if each["path"] != "/v1/webhooks"]
    times = sorted(datetime.fromisoformat(each["at"]) for each in asked)
    refused = sum(each["status"] == 429 for each in asked)
    assert refused >= len(asked) // 4
    assert most_within(times, timedelta(seconds=60)) <= PER_MINUTE
    assert len(times) > PER_MINUTE, "the budget was never spent, so nothing was shown"


def most_within(times: list[datetime], span: timedelta) -> int:
    """The most requests that any window of this length has."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most
