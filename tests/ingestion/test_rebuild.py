"""A database that is lost is made again of the archive, and says and does the same as before."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.db.search import search, terms_of
from app.errors import WebexError
from app.ingestion.backfill import Span, begin, read_on
from app.ingestion.rebuild import rebuild
from app.ingestion.recheck import recheck_due
from app.ingestion.report import make_report
from app.ingestion.status import meeting_status, overview
from app.models.tables import Meeting
from app.models.words import Resource
from tests.ingestion.archives import differences
from tests.ingestion.lost import contents, lose_database, media_requests, rows, unlike
from tests.stage import Stage, staged

EXTRAS = (Resource.SUMMARIES, Resource.POLLS)


@pytest.fixture
def stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    """A stage on each kind of database, where all there is of a meeting is fetched."""
    url = database.url.render_as_string(hide_password=False)
    told: dict[str, Any] = {"extra_resources": EXTRAS, "transfer_max_bytes": 1_500_000}
    with staged(tmp_path, url, broker_url, **told) as stage:
        yield stage


def said(stage: Stage) -> dict[str, Any]:
    """All that ``status`` and ``report`` tell of meetings."""
    now, database = stage.now, stage.bench.database
    overall = overview(database, now=now, lease_seconds=30).model_dump(mode="json")
    with database.reading() as session:
        ids = [each.meeting_id for each in session.scalars(select(Meeting))]
    report = make_report(stage.bench, now - timedelta(days=30), now + timedelta(days=1))
    return {
        "overall": {name: overall[name] for name in ("ingests", "meetings", "files", "bytes")},
        "failures": sorted(overall["failures"], key=str),
        "report": report.model_dump(mode="json"),
        "lags": [each.lag_seconds for each in report.lines],
        "search": found(stage, "the"),
        **{each: one(stage, each) for each in sorted(ids)},
    }


def found(stage: Stage, asked: str) -> list[dict[str, Any]]:
    """What a search finds, without the keys of rows."""
    with stage.bench.database.reading() as session:
        hits = search(session, terms_of(asked)).hits
    return [each.model_dump(mode="json") for each in hits]


def one(stage: Stage, meeting_id: str) -> dict[str, Any]:
    told = meeting_status(stage.bench.database, meeting_id, now=stage.now, lease_seconds=30)
    assert told is not None
    return told.model_dump(mode="json")


def held(stage: Stage, **order: Any) -> str:
    told: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(60)
    return told


def hold_all_kinds(stage: Stage) -> dict[str, str]:
    """Meetings that ended in every way; each of them by its name."""
    extras = {"summary": True, "polls": 1}
    edited = stage.hold_meeting(recordings=2, transcripts=1, extras=extras, title="Edited")
    absent = held(stage, recordings=[{"prevent_download": True}], transcripts=0, title="Absent")
    large = [{"bytes": 3_000_000}, {"bytes": 50_000}]
    failed = held(stage, recordings=large, transcripts=1, title="Failed")
    deleted = stage.hold_meeting(recordings=2, transcripts=0, title="Deleted")
    stage.live(hours=25)
    stage.control.call("DELETE", f"/recordings/{deleted['recording_ids'][0]}")
    stage.control.settle()
    edit(stage, edited["transcript_ids"][0])
    recheck_due(stage.bench)
    stage.work()
    late = {"transcripts": 3300, "transcript_webhook": 3310}
    waiting = held(stage, recordings=1, transcripts=1, timeline=late, title="Waiting")
    stage.live(minutes=40)
    return {
        "edited": edited["meeting_id"],
        "absent": absent,
        "failed": failed,
        "deleted": deleted["meeting_id"],
        "waiting": waiting,
    }


def tell_all_again(stage: Stage, meetings: Iterable[str]) -> None:
    """Let every webhook come again, and Webex's lists be read."""
    for meeting_id in meetings:
        stage.control.send_event(resource="meetings", event="ended", data={"id": meeting_id})
        for each in stage.ingests(meeting_id):
            data = {"id": each.resource_id, "meetingId": meeting_id}
            if each.resource_id:
                stage.control.send_event(resource=each.resource, event="created", data=data)
    stage.control.settle()
    stage.work()
    span = Span(stage.now - timedelta(days=7), stage.now, None)
    begin(stage.bench, "again", span, fail)
    steps = list(read_on(stage.bench, "again", refused=fail))
    assert sum(each.new for each in steps) == 0
    recheck_due(stage.bench)


def fail(feed: object, error: WebexError) -> None:
    raise AssertionError(f"{feed}: {error}")


def standings(told: dict[str, Any]) -> list[Any]:
    """How the meetings of a report stand."""
    lines = told["report"]["lines"]
    return [[each["meeting_id"], each["standing"]] for each in lines]


def edit(stage: Stage, transcript_id: str) -> None:
    path = f"/meetingTranscripts/{transcript_id}/snippets/{transcript_id}_00003"
    told = {"text": "It was Bob.", "reason": "a wrong name"}
    stage.bench.accounts.client("").send("PUT", path, told)


def test_all_kinds_of_meetings_are_as_before_and_nothing_is_fetched_again(stage: Stage) -> None:
    meetings = hold_all_kinds(stage)
    before, files, all_rows = said(stage), contents(stage), rows(stage)
    assert set(before["overall"]["ingests"]) == {"done", "absent", "failed", "waiting"}
    assert before["overall"]["meetings"]["total"] == len(meetings) == 5
    assert {each["title"] for each in before["search"]} == {"Edited", "Failed"}
    lose_database(stage)

    made = list(rebuild(stage.bench))

    assert [(each.fate, each.lacking) for each in made] == [("added", [])] * 5
    assert "\n".join(unlike(before, said(stage))) == ""
    assert "\n".join(unlike(all_rows, rows(stage))) == ""
    assert contents(stage) == files
    assert [each.fate for each in rebuild(stage.bench)] == ["known"] * 5

    downloads = media_requests(stage)
    # News of what has failed open it again, be the database new or old.
    tell_all_again(stage, {*meetings.values()} - {meetings["failed"]})
    stage.live_until_complete(meetings["waiting"])
    stage.live(hours=1)

    assert media_requests(stage) == downloads
    new = sorted(each.rpartition(".")[2] for each in {*contents(stage)} - {*files})
    assert new == ["json", "txt", "vtt"], "the transcript that was waited for"
    assert differences(stage, meetings["waiting"]) == []
    assert unlike(standings(before), standings(said(stage))) == [".4.1: 'waiting' is 'here' now"]
