"""What Webex's refusals mean: which error, which words, how long to wait."""

import json
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import (
    AnswerUnreadable,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    TokenRefused,
    WebexError,
    WebexUnavailable,
)
from app.models.times import retry_after_seconds
from app.webex.client import WebexClient
from simulator import Simulator
from tests.webex.conftest import NOW, MakeClient
from tests.webex.host import Answer, Host

HTML = b"<!DOCTYPE html><html><body>Something went wrong</body></html>"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, WebexError, "webex"),
        (401, TokenRefused, "token_refused"),
        (403, Forbidden, "no_permission"),
        (404, NotFound, "not_found"),
        (408, WebexUnavailable, "webex_unavailable"),
        (409, WebexError, "webex"),
        (410, Gone, "gone"),
        (423, WebexUnavailable, "webex_unavailable"),
        (425, WebexUnavailable, "webex_unavailable"),
        (429, RateLimited, "rate_limited"),
        (500, WebexUnavailable, "webex_unavailable"),
        (502, WebexUnavailable, "webex_unavailable"),
        (503, WebexUnavailable, "webex_unavailable"),
        (501, WebexError, "webex"),
        (504, WebexUnavailable, "webex_unavailable"),
        (507, WebexUnavailable, "webex_unavailable"),
        (520, WebexUnavailable, "webex_unavailable"),
    ],
)
def test_each_status_is_an_error_of_its_own(
    simulator: Simulator, client: WebexClient, status: int, kind: type[WebexError], code: str
) -> None:
    simulator.control.add_fault(status=status, body={"message": "No, not now."}, times=3)

    with pytest.raises(kind) as raised:
        client.get("/people/me")

    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.code) == (status, code)
    assert raised.value.tracking_id == "ROUTERGW_simulated-fault"
    advice = " The access token is wrong or has expired: `webex-ingest doctor` says what to do."
    assert str(raised.value) == f"Webex answered {status}: No, not now." + (
        advice if status == 401 else ""
    )


@pytest.mark.parametrize("body", [HTML, b"", b"{", b"[" * 9999, b'{"message": null}', b"\xff"])
def test_an_error_without_a_message_shows_no_html(make_client: MakeClient, body: bytes) -> None:
    with Host(Answer(404, body=body)) as host, pytest.raises(NotFound) as raised:
        make_client(host.url).get("/x")

    assert "<" not in str(raised.value)
    assert str(raised.value).startswith("Webex answered 404: ")


def test_webexs_message_is_told_as_one_line_of_text(make_client: MakeClient) -> None:
    message = b'{"message": "first\\nsecond\\u0000 \\ud83d ' + b"x" * 1000 + b'"}'
    with Host(Answer(400, body=message)) as host, pytest.raises(WebexError) as raised:
        make_client(host.url).get("/x")

    text = str(raised.value)
    assert text.isprintable()
    assert text.encode()
    assert len(text) < 400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 30 ", 30),
        ("0", 1),
        ("-5", 5),
        ("3600", 3600),
        ("9" * 400, 24 * 3600),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        ("rand(30),add(30)", 5),
        ("soon", 5),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", 5),
        ("", 5),
        (None, 5),
    ],
)
def test_a_429_says_how_long_to_wait_and_closes_the_gate(
    make_client: MakeClient, header: str | None, seconds: float
) -> None:
    headers = {"Content-Type": "text/html"} | ({} if header is None else {"Retry-After": header})
    with Host(Answer(429, headers, HTML)) as host:
        client = make_client(host.url)

        with pytest.raises(RateLimited) as told:
            client.get("/x")
        with pytest.raises(RateLimited, match="our own") as closed:
            client.get("/x")

    assert told.value.retry_after_seconds == pytest.approx(seconds)
    assert "<" not in str(told.value)
    assert len(host.requests) == 1
    assert closed.value.retry_after_seconds == pytest.approx(seconds, abs=1.1)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=40)
    | st.from_regex(r"\AWed, [0-9]{1,9} Oct [0-9]{1,20} [0-9]{1,20}:00:00 [+-][0-9]{1,20}\Z")
)
def test_no_retry_after_is_ever_an_error(header: str) -> None:
    assert 1 <= (retry_after_seconds(header, NOW) or 1) <= 24 * 3600


@pytest.mark.parametrize(
    "value", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'[{"deep": -1e999}]', b"9" * 5000]
)
def test_a_number_that_json_does_not_know_makes_an_answer_unreadable(
    make_client: MakeClient, value: bytes
) -> None:
    body = b'{"items": [], "x": %b}' % value
    with (
        Host(Answer(body=body)) as host,
        pytest.raises(AnswerUnreadable, match="not a JSON object"),
    ):
        make_client(host.url).get("/x")


@pytest.mark.parametrize("depth", [100, 400, 900, 100_000])
def test_an_answer_that_is_nested_beyond_all_reason_is_unreadable(
    make_client: MakeClient, depth: int
) -> None:
    body = b'{"items": %b%b}' % (b"[" * depth, b"]" * depth)
    with Host(Answer(body=body)) as host, pytest.raises(AnswerUnreadable):
        make_client(host.url).get("/x")


@pytest.mark.parametrize("has_length", [True, False])
def test_an_answer_that_is_larger_than_any_of_webexs_is_not_read_to_its_end(
    make_client: MakeClient, has_length: bool
) -> None:
    body = b'{"items": [], "x": "' + b"x" * 17 * 1024**2 + b'"}'
    with (
        Host(Answer(body=body, has_length=has_length)) as host,
        pytest.raises(AnswerUnreadable, match="more than 16 MiB"),
    ):
        make_client(host.url).get("/x")


def test_a_text_may_be_larger_than_an_answer_in_json(make_client: MakeClient) -> None:
    body = b"x" * 17 * 1024**2
    with Host(Answer(headers={"Content-Type": "text/vtt"}, body=body)) as host:
        assert make_client(host.url).get_text("/x") == body


@pytest.mark.parametrize("body", [b'{"id": 1.5}', b'{"id": "NaN"}', b'{"id": -0.0}'])
def test_what_json_knows_is_read_as_it_is(make_client: MakeClient, body: bytes) -> None:
    with Host(Answer(body=body)) as host:
        assert make_client(host.url).get("/x") == json.loads(body)


def test_a_secret_that_webex_repeats_is_not_told(simulator: Simulator, client: WebexClient) -> None:
    told = {"message": "The secret 'a-webhook-secret' of simulator-token is too short."}
    simulator.control.add_fault(status=400, body=told, headers={"trackingId": "a-webhook-secret"})

    with pytest.raises(WebexError) as raised:
        client.send("POST", "/webhooks", {"name": "n", "secret": "a-webhook-secret"})

    assert str(raised.value) == "Webex answered 400: The secret '…' of … is too short."
    assert "secret" not in raised.value.tracking_id


def test_a_secret_that_is_empty_spoils_no_sentence(
    simulator: Simulator, client: WebexClient
) -> None:
    simulator.control.add_fault(status=400, body={"message": "The title is missing."})

    with pytest.raises(WebexError) as raised:
        client.send("PUT", "/meetings/m1", {"password": "", "hostKey": "1"})

    assert str(raised.value) == "Webex answered 400: The title is missing."


def test_a_secret_is_not_told_in_the_spelling_of_json_either(
    simulator: Simulator, client: WebexClient
) -> None:
    secret = 'a "quoted" é secret'
    simulator.control.add_fault(status=400, body={"message": json.dumps({"secret": secret})})

    with pytest.raises(WebexError) as raised:
        client.send("POST", "/webhooks", {"secret": secret})

    assert str(raised.value) == 'Webex answered 400: {"secret": "…"}'
