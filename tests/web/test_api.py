"""The API tells what the pages tell, as its own description says, whatever it is asked with."""

import re
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.db.steps import number_steps
from app.models.access import Scope
from app.models.outcomes import Wait
from app.models.words import Reason, Resource
from tests.web.conftest import NOON, MakeClient
from tests.web.people import Site
from tests.web.rows import Rows

API = "/api/v1"
EXAMPLES = 12
AS_DESCRIBED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def api(make_client: MakeClient, sqlite: Database) -> FlaskClient:
    """A client on this machine, of a database on SQLite."""
    return make_client(database_url=sqlite.url.render_as_string(hide_password=False))


@pytest.fixture
def told(sqlite: Database) -> Rows:
    """Makes rows at noon."""
    return Rows(sqlite, NOON)


def ask(api: FlaskClient, path: str, **given: Any) -> Any:
    answer = api.get(f"{API}{path}", query_string=given)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    return answer.get_json()


def refused(api: FlaskClient, path: str, status: int, method: str = "GET") -> str:
    answer = api.open(f"{API}{path}", method=method)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    problem = answer.get_json()
    assert problem["status"] == status
    assert problem["title"]
    return str(problem["detail"])


def linked(answer: TestResponse, relation: str) -> str:
    """Where a link of an answer leads to."""
    found = re.search(rf'<([^>]+)>; rel="{relation}"', ", ".join(answer.headers.getlist("Link")))
    assert found is not None, f"no {relation}"
    return found[1]


def test_meetings_are_listed_a_page_at_a_time_with_links_to_the_others(
    api: FlaskClient, told: Rows
) -> None:
    for number in range(5):
        told.complete_meeting(f"m_I_{number}", start=NOON - timedelta(hours=number))

    first = api.get(f"{API}/meetings?limit=2&state=complete")
    second = api.get(linked(first, "next"))
    back = api.get(linked(second, "prev"))

    ids = [[each["meeting_id"] for each in page.get_json()["meetings"]] for page in (first, second)]
    assert ids == [["m_I_0", "m_I_1"], ["m_I_2", "m_I_3"]]
    assert back.get_json() == first.get_json()
    assert "state=complete" in linked(second, "next")
    assert 'rel="prev"' not in str(first.headers)


def test_one_meeting_is_told_with_what_happened_to_it(api: FlaskClient, told: Rows) -> None:
    told.complete_meeting("m_I_1", start=NOON, title="Planning")

    meeting = ask(api, "/meetings/m_I_1")
    happened = ask(api, "/meetings/m_I_1/timeline")["happened"]
    played = ask(api, "/meetings/m_I_1/transcripts")

    assert (meeting["title"], meeting["state"]) == ("Planning", "complete")
    assert {"known", "found", "stored", "complete"} <= {each["what"] for each in happened}
    assert all(each["at"].endswith("Z") for each in happened)
    assert played["meeting_id"] == "m_I_1"


def test_what_has_not_changed_is_not_sent_again(api: FlaskClient, told: Rows) -> None:
    told.complete_meeting("m_I_1", start=NOON)
    etag = api.get(f"{API}/meetings/m_I_1").headers["ETag"]

    again = api.get(f"{API}/meetings/m_I_1", headers={"If-None-Match": etag})
    told.people(told.meeting("m_I_1"), ["Somebody Else"])
    changed = api.get(f"{API}/meetings/m_I_1", headers={"If-None-Match": etag})

    assert (again.status_code, again.data) == (304, b"")
    assert changed.status_code == 200


def test_what_is_another_by_now_is_not_sent(api: FlaskClient) -> None:
    for path in ("/status", "/openapi.json"):
        answer = api.get(f"{API}{path}", headers={"If-Match": '"another"'})
        assert (answer.status_code, answer.content_type) == (412, "application/problem+json")


def test_a_place_that_nobody_has_filled_in_is_none(api: FlaskClient, told: Rows) -> None:
    told.complete_meeting("m_I_1", start=NOON)

    assert len(ask(api, "/meetings", before="", after="")["meetings"]) == 1


def test_the_feed_is_followed_from_answer_to_answer(
    api: FlaskClient, told: Rows, sqlite: Database
) -> None:
    told.complete_meeting("m_I_1", start=NOON)
    with sqlite.transaction() as session:
        number_steps(session)

    page = ask(api, "/events", limit=3)
    rest = ask(api, "/events", after=page["next"])

    assert (len(page["events"]), page["has_more"], rest["has_more"]) == (3, True, False)
    assert rest["events"][-1]["what"] == "complete"
    assert ask(api, "/events", after=rest["next"])["events"] == []
    assert "begin without `after`" in refused(api, "/events?after=00000000-1", 410)


def test_words_are_found_with_a_link_to_more(api: FlaskClient, told: Rows) -> None:
    people = [f"Person {number}" for number in range(60)]
    told.people(told.meeting("m_I_1", start=NOON), people)

    first = ask(api, "/search", q="hello")
    rest = ask(api, "/search", q="hello", after=first["next"])

    assert (len(first["hits"]), len(rest["hits"]), rest["next"]) == (50, 10, None)


def test_the_gaps_of_some_days_are_told_as_the_report_has_them(
    api: FlaskClient, told: Rows
) -> None:
    told.complete_meeting("m_I_1", start=NOON - timedelta(days=1), host_email="ada@example.com")
    told.failed_meeting("m_I_2", "It went wrong.", start=NOON - timedelta(days=2))

    week, day = (
        ask(api, "/report"),
        ask(api, "/report", **{"from": "2026-03-01", "to": "2026-03-01"}),
    )

    assert (week["gaps"], week["ok"], week["asked"]) == (1, False, False)
    assert [(each["day"], each["gap"]) for each in week["meetings"]] == [
        ("2026-02-28", True),
        ("2026-03-01", False),
    ]
    assert ([each["name"] for each in day["hosts"]], day["gaps"]) == (["ada@example.com"], 0)
    assert "before the first" in refused(api, "/report?from=2026-03-01&to=2026-02-28", 422)
    assert "31 days" in refused(api, "/report?from=2025-03-01&to=2026-02-28", 422)


def test_what_cannot_be_asked_is_refused_in_plain_words(api: FlaskClient) -> None:
    assert "webex-ingest ingest" in refused(api, "/meetings/none", 404)
    assert "limit: " in refused(api, "/meetings?limit=0", 422)
    assert "since: " in refused(api, "/meetings?since=2026-13-40", 422)
    assert "state: " in refused(api, "/meetings?state=fine", 422)
    assert "no word" in refused(api, "/search?q=...", 422)
    assert refused(api, "/nothing/here", 404)
    assert refused(api, "/meetings", 405, "DELETE")


def test_a_program_that_may_operate_does_what_the_buttons_do(site: Site) -> None:
    rows = Rows(site.database, site.now)
    waiting = rows.meeting("m_I_1", start=site.now - timedelta(hours=1))
    later = Wait(site.now + timedelta(hours=2), Reason.STILL_PROCESSING, looked=True)
    rows.ingest(waiting, Resource.RECORDINGS, outcome=later)
    rows.failed_meeting("m_I_2", "It went wrong.")
    token = {"Authorization": f"Bearer {site.token(Scope.READ, Scope.OPERATE)}"}
    program = site.browser()

    def post(path: str, body: Any = None) -> Any:
        answer = program.send("POST", f"{API}{path}", headers=token, json=body)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def meeting(meeting_id: str) -> Any:
        return program.send("GET", f"{API}/meetings/{meeting_id}", headers=token).get_json()

    assert post("/meetings/m_I_1/look") == {"meeting_id": "m_I_1"}
    assert meeting("m_I_1")["ingests"][0]["next_attempt_at"] == "2026-03-02T12:00:00Z"
    assert post("/meetings/m_I_2/retry")["number"] == 1
    assert meeting("m_I_2")["ingests"][0]["state"] == "waiting"
    rows.failed_meeting("m_I_3", "It went wrong.")
    assert post("/retry", {"reason": "another"})["number"] == 0
    assert post("/retry", {"reason": "link_refused"})["meeting_ids"] == ["m_I_3"]
    assert post("/meetings/m_I_1/verify") == {"meeting_id": "m_I_1", "found": "verified"}
    told = program.send("GET", f"{API}/meetings/m_I_2/timeline", headers=token).get_json()
    asked = [each["sentence"] for each in told["happened"] if each["what"] == "asked"]
    assert asked[0].startswith("Asked for by token program-")


def test_whatever_it_is_asked_it_answers_as_it_is_described(site: Site) -> None:
    rows = Rows(site.database, site.now)
    rows.complete_meeting("m_I_1", start=site.now, title="Planning")
    rows.failed_meeting("m_I_2", "It went wrong.")
    token = site.token(Scope.READ, Scope.OPERATE)
    headers = {"Authorization": f"Bearer {token}"}
    described = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", site.app, headers=headers)
    every = [each.ok() for each in described.get_all_operations() if isinstance(each, Ok)]
    operations = [each for each in every if each.path.startswith(API)]

    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask_for_it(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=headers)
            assert response.status_code < 500 or response.status_code == 503
            case.validate_response(response, checks=AS_DESCRIBED, headers=headers)

        ask_for_it()

    assert len(operations) == 15
