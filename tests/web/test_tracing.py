"""Every request can be followed through the logs, which tell what was asked for but no secret."""

import hashlib
import hmac
import io
import json
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient

from app.db.engine import Database
from tests.web.conftest import MakeClient

PASSWORD = "a-password-for-tests"


@pytest.fixture
def client(make_client: MakeClient, sqlite: Database) -> FlaskClient:
    """A client of an application with a password."""
    return make_client(database_url=str(sqlite.url), operator_password=PASSWORD)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_request_is_told_with_who_asked_and_what_came_of_it(
    client: FlaskClient, written: io.StringIO
) -> None:
    answer = client.get("/report?from=2026-03-01&q=SEENOWHERE", auth=("operator", PASSWORD))

    (line,) = lines(written)
    assert line["event"] == "http.answered"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/report", 200)
    assert line["bytes"] == len(answer.data)
    assert line["principal"] == "operator"
    assert 0 < line["seconds"] < 60
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "SEENOWHERE" not in written.getvalue()


def test_a_refused_request_is_told_of_nobody(client: FlaskClient, written: io.StringIO) -> None:
    client.get("/metrics", auth=("operator", "SEENOWHERE"))

    (line,) = (each for each in lines(written) if each["event"] == "http.answered")
    assert (line["path"], line["status"], line["principal"]) == ("/metrics", 401, None)
    assert "SEENOWHERE" not in written.getvalue()


def test_probes_and_stored_deliveries_have_no_line(
    client: FlaskClient, written: io.StringIO
) -> None:
    for path in ("/livez", "/readyz"):
        assert len(client.get(path).headers["X-Request-Id"]) == 16

    body = b'{"resource": "meetings", "event": "ended", "data": {"id": "a_I_1"}}'
    signature = hmac.new(b"a-webhook-secret-for-tests", body, hashlib.sha1).hexdigest()
    stored = client.post("/webhooks/webex", data=body, headers={"X-Spark-Signature": signature})
    assert (stored.status_code, "X-Request-Id" in stored.headers) == (204, False)
    assert lines(written) == []


def test_what_is_logged_while_a_request_is_answered_has_its_id_and_no_later_line(
    client: FlaskClient, written: io.StringIO
) -> None:
    answer = client.post("/webhooks/webex", data=b"x", headers={"X-Request-Id": "from-a.proxy_1"})
    structlog.get_logger().info("later")

    refused, later = lines(written)
    assert (refused["event"], refused["error"]) == ("webhook.refused", "signature_wrong")
    assert refused["request_id"] == answer.headers["X-Request-Id"] == "from-a.proxy_1"
    assert "request_id" not in later


@pytest.mark.parametrize(
    "told",
    ["", "-", "a" * 65, "a b", "a\tb", "a;b", 'a"b', "<script>", "ä", "../x", "a,b", "{x}"],
)
def test_an_id_that_could_be_anything_else_is_not_taken(client: FlaskClient, told: str) -> None:
    answer = client.get("/livez", headers={"X-Request-Id": told})

    made = answer.headers["X-Request-Id"]
    assert made != told
    assert len(made) == 16


def test_two_requests_have_two_ids(client: FlaskClient) -> None:
    assert len({client.get("/livez").headers["X-Request-Id"] for _ in range(5)}) == 5


def test_a_path_can_neither_forge_a_line_nor_fill_the_disk(
    client: FlaskClient, written: io.StringIO
) -> None:
    client.get("/a%0Ab%1B[31m%C3%A4" + "x" * 5000)

    (line,) = lines(written)
    assert line["path"].startswith("/a%0Ab%1B%5B31m%C3%A4xxx")
    assert len(line["path"]) == 200


def test_a_fault_of_ours_is_told_with_its_id(client: FlaskClient, written: io.StringIO) -> None:
    def fault() -> str:
        raise RuntimeError

    client.application.add_url_rule("/fault", view_func=fault)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False

    answer = client.get("/fault", auth=("operator", PASSWORD))

    told = lines(written)
    assert answer.status_code == 500
    assert {line["request_id"] for line in told} == {answer.headers["X-Request-Id"]}
    assert [line.get("status") for line in told] == [None, 500]
