"""Whatever somebody who was let in asks for, it is answered, and never by an error of ours."""

import re
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.models.access import Scope
from tests.web.conftest import NOON
from tests.web.people import Site, opened
from tests.web.rows import Rows

API = "/api/v1"


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A site without a password, over each kind of database."""
    with opened(database.url.render_as_string(hide_password=False), NOON) as site:
        yield site


def send(site: Site, method: str, path: str, **told: object) -> TestResponse:
    """What a program that may do everything is answered."""
    token = {"Authorization": f"Bearer {site.token(*Scope)}"}
    return site.browser().send(method, path, headers=token, **told)


@pytest.mark.parametrize("meeting_id", ["nope", "%00", "m_I_1%00"])
@pytest.mark.parametrize("button", ["look", "retry", "verify"])
def test_a_button_for_a_meeting_that_is_not_known_finds_none(
    site: Site, button: str, meeting_id: str
) -> None:
    Rows(site.database, NOON).failed_meeting("m_I_1", "It went wrong.")

    pressed = send(site, "POST", f"/meetings/{meeting_id}/{button}")
    called = send(site, "POST", f"{API}/meetings/{meeting_id}/{button}")

    assert pressed.status_code == 404
    assert "This meeting is not known here" in pressed.text
    assert (called.status_code, called.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [
        rb'{"reason": "a\u0000"}',
        rb'{"host": "\u0000"}',
        rb'{"reason": "\ud800"}',
        b'{"reson": "link_refused"}',
        b'{"reason": ""',
        b"[" * 60_000,
        b"null",
        b"",
    ],
)
def test_what_is_no_question_of_ours_tries_nothing_again(site: Site, body: bytes) -> None:
    Rows(site.database, NOON).failed_meeting("m_I_1", "It went wrong.")

    answer = send(site, "POST", f"{API}/retry", data=body, content_type="application/json")

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert send(site, "GET", f"{API}/meetings/m_I_1").get_json()["state"] == "failed"


def test_a_reason_that_nothing_can_have_tries_nothing_again(site: Site) -> None:
    Rows(site.database, NOON).failed_meeting("m_I_1", "It went wrong.")

    answer = send(site, "POST", "/problems/retry", data={"reason": "\0"})

    assert answer.headers["Location"] == "/problems?again=0"


@pytest.mark.parametrize("row", ["2147483648", "999999999999999999", "٣" * 10, "²"])
def test_a_place_behind_all_rows_is_no_place_among_the_hits(site: Site, row: str) -> None:
    for place in (f"{row}~1", f"1~{row}"):
        asked = {"q": "hello", "after": f"2026-03-02T12:00:00+00:00~{place}"}

        assert send(site, "GET", f"{API}/search", query_string=asked).status_code == 422
        assert send(site, "GET", "/search", query_string=asked).status_code == 400


@pytest.mark.parametrize(
    "asked",
    ["endpoint=x", "_method=POST", "_scheme=x", "_external=1", "_anchor=x", "self=x", "other=x"],
)
def test_more_hits_are_asked_for_by_fields_of_ours_alone(site: Site, asked: str) -> None:
    rows = Rows(site.database, NOON)
    rows.people(rows.meeting("m_I_1", start=NOON), [f"Person {each}" for each in range(60)])

    answer = send(site, "GET", f"/search?q=hello&from=2026-03-02&{asked}")

    assert answer.status_code == 200
    [more] = re.findall(r'rel="next" href="([^"]+)"', answer.text)
    assert more.startswith("/search?")
    assert "q=hello&amp;from=2026-03-02" in more
    assert "x" not in more.removeprefix("/search?after")
