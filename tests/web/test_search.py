"""A search takes a few threads for some seconds at most, whatever is searched for."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.db.engine import Database
from tests.processes import eventually
from tests.web.conftest import NOON, MakeClient
from tests.web.rows import Rows

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def test_words_that_everybody_says_are_not_looked_for_without_end(
    make_client: MakeClient, database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.people(rows.meeting("m_I_1", start=NOON), ["Ada", "Bob"])
    client = make_client(database_url=database.url.render_as_string(hide_password=False))
    monkeypatch.setattr("app.web.search._SECONDS", 0.0)

    page, answer = client.get("/search?q=hello"), client.get("/api/v1/search?q=hello")

    assert (page.status_code, answer.status_code) == (400, 422)
    assert "add a word that is said less often" in page.text
    assert 'value="hello"' in page.text
    assert "add a word that is said less often" in answer.get_json()["detail"]


# Nothing holds up a reader of SQLite.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_comes_while_others_search_is_told_to_come_again(
    make_client: MakeClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.search._AT_ONCE", 1)
    monkeypatch.setattr("app.web.search._TURN_SECONDS", 0.01)
    client = make_client(database_url=database.url.render_as_string(hide_password=False))
    with ThreadPoolExecutor() as others, database.transaction() as session:
        session.execute(text("LOCK TABLE snippet"))
        first = others.submit(client.get, "/search?q=hello")
        eventually(lambda: session.scalar(WAITING) == 1, seconds=10, message=str)

        page, answer = client.get("/search?q=hello"), client.get("/api/v1/search?q=hello")

        session.rollback()
        assert first.result().status_code == 200
    assert (page.status_code, answer.status_code) == (503, 503)
    assert "Others are searching; try again in a moment." in page.text
    assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "5"
