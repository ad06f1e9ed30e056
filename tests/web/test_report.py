"""The page of the report: what is known by itself, what Webex lists on request, and in words."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from app.web.application import create_app
from tests.stage import MORNING, Stage
from tests.web.conftest import NOON, MakeClient
from tests.web.rows import Rows
from tests.web.test_pages import HOSTILE, OUR_SCRIPT, page

CONTROLS = "Demo\x1b[2J\u202etxt.exe\nfor all"


def client_of(stage: Stage) -> FlaskClient:
    return create_app(stage.runtime).test_client()


def lost(stage: Stage, **order: object) -> str:
    """A meeting of which nobody tells; its id."""
    told = {"timeline": "instant", "webhooks": False, **order}
    meeting_id: str = stage.hold_meeting(**told)["meeting_id"]
    stage.advance(60)
    return meeting_id


def test_without_meetings_it_says_so(client: FlaskClient) -> None:
    told = page(client, "/report")

    assert "No meeting of these days is known here." in told
    assert "No gap is known." in told
    assert 'name="from" value="2026-02-23"' in told
    assert 'name="to" value="2026-03-02"' in told
    assert 'href="/report"' in page(client)


def test_gaps_come_first_with_their_reasons_and_lead_to_the_meeting(
    client: FlaskClient, rows: Rows
) -> None:
    start = NOON - timedelta(days=1)
    rows.complete_meeting("m_I_1", start=start, title="Planning", host_email="ada@example.com")
    rows.failed_meeting("m_I_2", "It went wrong.", start=start, title="Review")

    told = page(client, "/report")

    assert "<strong>1 gap.</strong> There may be more: Webex was not asked" in told
    assert '<a href="/meetings/m_I_2">Review</a>' in told
    assert "recording: failed" in told
    assert told.index("Review") < told.index("By day") < told.index("ada@example.com")
    assert "23 hours</b> to be complete, for half of the meetings" in told


def test_only_the_days_that_are_asked_for_are_told(client: FlaskClient, rows: Rows) -> None:
    for number in range(1, 4):
        start = NOON - timedelta(days=number)
        rows.failed_meeting(f"m_I_{number}", "It went wrong.", start=start, title=f"No. {number}")

    told = page(client, "/report?from=2026-02-28&to=2026-02-28")

    assert re.findall(r">No\. (\d)<", told) == ["2"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("from=soon", "A day is written as 2026-03-31."),
        ("to=2026-02-30", "A day is written as 2026-03-31."),
        ("from=%00", "A day is written as 2026-03-31."),
        ("from=2026-03-02&to=2026-03-01", "The last day is before the first one."),
        ("from=2026-03-09", "The first day lies ahead"),
        ("from=0001-01-01", "Webex has meetings of the years 1990 to 2199 only."),
        ("to=9999-12-31", "Webex has meetings of the years 1990 to 2199 only."),
        ("from=2026-01-01", "31 days are told at most."),
    ],
)
def test_wrong_days_are_told_in_a_sentence(client: FlaskClient, query: str, sentence: str) -> None:
    answer = client.get(f"/report?{query}")

    assert answer.status_code == 400
    assert sentence in answer.text


def test_hostile_words_are_inert_and_control_nothing(client: FlaskClient, rows: Rows) -> None:
    start = NOON - timedelta(days=1)
    rows.failed_meeting("m_I_1", HOSTILE, start=start, title=HOSTILE, host_email=HOSTILE)
    rows.failed_meeting("m_I_2", "x", start=start, title=CONTROLS, host_email=CONTROLS)

    told = page(client, "/report")

    assert not re.search(r"<script|<img|\"'>", OUR_SCRIPT.sub("", told))
    assert "Demo [2J txt.exe for all" in told
    assert not re.search("[\x1b\u202e\x00]", told)


def test_it_is_for_the_operator_alone(make_client: MakeClient, tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'never-opened.db'}"
    client = make_client(database_url=database_url, operator_password="a-password")

    assert client.get("/report?ask=1").status_code == 401


def test_many_gaps_and_hosts_are_cut_with_the_way_to_all(client: FlaskClient, rows: Rows) -> None:
    for number in range(101):
        start = NOON - timedelta(minutes=number + 1)
        host = f"h{number}@example.com"
        rows.failed_meeting(f"m_I_{number}", "x", start=start, host_email=host)

    told = page(client, "/report")

    assert "The first 100 of 101 gaps" in told
    assert "and 51 more hosts" in told


def test_webex_is_asked_on_request_alone(stage: Stage) -> None:
    meeting_id = lost(stage, title=CONTROLS)
    client = client_of(stage)
    stage.control.forget_requests()

    unasked = page(client, "/report")
    by_a_stranger = client.get("/report?ask=1", headers={"Sec-Fetch-Site": "cross-site"}).text
    before = len(stage.control.requests())
    asked = client.get("/report?ask=1", headers={"Sec-Fetch-Site": "same-origin"}).text

    assert before == 0
    assert "Webex was not asked" not in asked
    assert "No gap is known." in unasked
    assert "No gap is known." in by_a_stranger
    assert "<strong>1 gap.</strong>" in asked
    assert "everything: nobody told of it" in asked
    assert meeting_id in asked
    assert f"/meetings/{meeting_id}" not in asked


def test_with_all_lists_read_and_nothing_missing_there_is_no_gap(stage: Stage) -> None:
    meeting_id: str = stage.hold_meeting(timeline="instant")["meeting_id"]
    stage.advance(60)
    stage.live_until_complete(meeting_id)

    told = page(client_of(stage), f"/report?ask=1&from={MORNING:%Y-%m-%d}")

    assert "<strong>No gap.</strong>" in told


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"status": 503}, "Webex answered 503"),
        ({"status": 429, "headers": {"Retry-After": "60"}}, "account (settings): "),
    ],
)
def test_what_webex_refuses_is_told_in_words(
    stage: Stage, fault: dict[str, object], sentence: str
) -> None:
    stage.control.add_fault(path_regex="^/v1/meetings[?]", times=None, **fault)

    told = page(client_of(stage), "/report?ask=1")

    assert "but not all of Webex&#39;s lists could be read" in told.replace("'", "&#39;")
    assert sentence in told


def test_a_database_that_is_away_is_told(
    make_client: MakeClient, database: Database, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nowhere")
    url = database.url.set(database=nowhere).render_as_string(hide_password=False)

    assert make_client(database_url=url).get("/report").status_code == 503


def test_who_asks_webex_while_others_do_is_told_to_come_again(
    make_client: MakeClient, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.report._ASKING_AT_ONCE", 0)
    monkeypatch.setattr("app.web.report._TURN_SECONDS", 0.01)
    client = make_client(database_url=str(sqlite.url))

    asked, told = client.get("/report?ask=1"), client.get("/report")

    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "5")
    assert "Others have Webex asked; try again in a moment." in asked.text
    assert told.status_code == 200
