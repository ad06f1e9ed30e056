"""Oddities of Webex's answers, each of which the client meets without losing anything."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from app.errors import AnswerUnreadable, NotFound, WebexError, WebexUnavailable
from app.webex import extras, resources
from app.webex.client import WebexClient
from simulator import Simulator
from tests.webex.conftest import NOW, MakeClient
from tests.webex.host import Answer, Host

ITEM = b'{"items": [{"id": "a"}]}'
SERIES = "501e995485e2460bb129410116757b13"
OCCURRENCE = f"{SERIES}_20210514T203000Z"
INSTANCE = f"{SERIES}_I_194316955237236650"


def sizes(host: Host) -> list[str]:
    """The `max` of each request."""
    return [parse_qs(urlsplit(each.path).query).get("max", ["none"])[0] for each in host.requests]


def thrice(*asked: int) -> list[str]:
    return [str(size) for size in asked for _ in range(3)]


def test_a_list_that_takes_webex_too_long_is_asked_for_in_smaller_pages(
    simulator: Simulator, client: WebexClient
) -> None:
    told = simulator.control.hold_meeting(recordings=30, transcripts=0, timeline="instant")
    simulator.control.change_settings(timeout_above_max=20)

    found = [item["id"] for item in client.pages("/recordings", {})]

    assert sorted(found) == sorted(told["recording_ids"])
    asked = [parse_qs(each["query"])["max"][0] for each in simulator.control.requests()]
    assert asked == [*thrice(100, 50, 25), "12", "12", "12"]


def test_a_page_that_webex_addressed_is_asked_for_with_a_smaller_max_and_all_else_as_it_was(
    make_client: MakeClient,
) -> None:
    with Host(Answer()) as host:
        address = f"{host.url}/v1/recordings?from=x%3Ay&max=30&cursor=a%2Bmax=9"
        first = Answer(headers={"Link": f'<{address}>; rel="next"'}, body=ITEM)
        host.answers = [first, *[Answer(504)] * 3, Answer(body=ITEM)]

        assert len(list(make_client(f"{host.url}/v1").pages("/recordings", {}))) == 2
        assert sizes(host) == ["100", "30", "30", "30", "15"]
        assert host.requests[-1].path == "/v1/recordings?from=x%3Ay&max=15&cursor=a%2Bmax=9"


def test_pages_of_less_than_ten_are_not_asked_for(make_client: MakeClient) -> None:
    with Host(Answer(504)) as host:
        with pytest.raises(WebexUnavailable):
            list(make_client(host.url).pages("/recordings", {}))

        assert sizes(host) == thrice(100, 50, 25, 12, 10)


def test_an_address_of_webex_without_max_gets_none(make_client: MakeClient) -> None:
    with Host(Answer()) as host:
        following = Answer(headers={"Link": f'<{host.url}/x?maximax=50>; rel="next"'}, body=ITEM)
        host.answers = [following, Answer(504)]

        with pytest.raises(WebexUnavailable):
            list(make_client(host.url).pages("/x", {}))
        assert sizes(host) == ["100", "none", "none", "none"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_only_a_504_is_a_reason_for_smaller_pages(make_client: MakeClient, status: int) -> None:
    with Host(Answer(status)) as host:
        with pytest.raises(WebexUnavailable):
            list(make_client(host.url).pages("/recordings", {}))

        assert sizes(host) == thrice(100)


def test_a_page_that_was_asked_for_in_vain_counts_once(make_client: MakeClient) -> None:
    with Host(*[Answer(504)] * 3, Answer(body=ITEM)) as host:
        assert list(make_client(host.url).pages("/x", {"meetingId": "m"})) == [{"id": "a"}]

        assert "meetingId=m" in host.requests[-1].path


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"message": "No."}', "No."),
        (b'{"message": "No.", "errors": []}', "No."),
        (b'{"message": "No.", "errors": {"title": {"code": "x"}}}', "No."),
        (b'{"message": "No.", "errors": [{"errorCode": 5, "code": "x"}]}', "No."),
        (b'{"errors": [{"description": "Not so.", "errorCode": 5}]}', "Not so."),
        (b'{"errors": [{"code": "x"}], "trackingId": "T"}', "Bad Request"),
        (b'{"errors": ["x"]}', "Bad Request"),
        (b'{"errors": "x"}', "Bad Request"),
        (b"[]", "Bad Request"),
    ],
)
def test_an_error_is_told_whatever_form_its_body_has(
    make_client: MakeClient, body: bytes, told: str
) -> None:
    with Host(Answer(400, body=body)) as host, pytest.raises(WebexError) as raised:
        make_client(host.url).get("/x")

    assert str(raised.value) == f"Webex answered 400: {told}"


def test_what_webexs_support_asks_for_is_in_the_log(make_client: MakeClient) -> None:
    with (
        Host(Answer(400, {"trackingId": "ROUTERGW_6f7a"})) as host,
        capture_logs() as lines,
        pytest.raises(WebexError) as raised,
    ):
        make_client(host.url).get("/x")

    assert raised.value.tracking_id == "ROUTERGW_6f7a"
    told = {"event": "webex.refused", "status": 400, "tracking_id": "ROUTERGW_6f7a"}
    assert lines == [told | {"log_level": "warning"}]


def test_what_is_not_there_yet_fills_no_log(make_client: MakeClient) -> None:
    with Host(Answer(404)) as host, capture_logs() as lines, pytest.raises(NotFound):
        make_client(host.url).get("/x")

    assert lines == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_transcript_is_not_followed_and_the_token_goes_nowhere(
    make_client: MakeClient, status: int
) -> None:
    with Host(Answer(body=b"WEBVTT")) as other:
        elsewhere = Answer(status, {"Location": f"{other.url}/t?ticket=x"})
        with Host(elsewhere) as host, pytest.raises(AnswerUnreadable, match="redirected"):
            resources.transcript_text(make_client(host.url), "t", "m", "vtt")

        assert other.requests == []


def test_an_occurrence_that_ended_is_no_meeting_that_took_place(make_client: MakeClient) -> None:
    body = f'{{"items": [{{"id": "{SERIES}", "state": "expired"}},'
    body += f'{{"id": "{OCCURRENCE}", "state": "ended", "meetingType": "scheduledMeeting"}},'
    body += f'{{"id": "{INSTANCE}", "state": "ended"}}]}}'
    with Host(Answer(body=body.encode())) as host:
        found = resources.instances(make_client(host.url), SERIES, since=NOW, now=NOW)

    assert [each.id for each in found] == [INSTANCE]


LISTS: list[Callable[[WebexClient], Any]] = [
    lambda client: resources.instances(client, SERIES, since=NOW, now=NOW),
    lambda client: resources.recordings(client, INSTANCE, since=NOW, now=NOW),
    lambda client: resources.transcripts(client, INSTANCE, since=NOW, now=NOW),
    lambda client: extras.attendees(client, INSTANCE, site_url="s", start=NOW, end=NOW, now=NOW),
]


@pytest.mark.parametrize("find", LISTS)
def test_from_and_to_have_whole_seconds_wherever_they_are_sent(
    make_client: MakeClient, find: Callable[[WebexClient], Any]
) -> None:
    with Host(Answer(body=b'{"items": []}')) as host:
        find(make_client(host.url))

        told = parse_qs(urlsplit(host.requests[0].path).query)
    assert all(len(told[name][0]) == len("2026-03-02T09:00:00Z") for name in ("from", "to"))


def test_a_report_is_found_as_long_as_webex_has_it_and_no_earlier_one_is_asked_for(
    simulator: Simulator, client: WebexClient
) -> None:
    start = NOW - timedelta(days=89, hours=20)
    times = {"start": start, "end": start + timedelta(minutes=5)}
    told = {name: time.isoformat() for name, time in times.items()}
    held = simulator.control.hold_meeting(**told, participant_count=5, timeline="instant")

    found = extras.attendees(
        client, held["meeting_id"], site_url="example.webex.com", **times, now=NOW
    )

    assert len(found.items) == 5


def test_deleted_summaries_are_left_out_where_officers_are_told_of_them(
    make_client: MakeClient,
) -> None:
    body = b'{"items": [{"id": "a", "status": "deleted"}, {"id": "b", "status": "available"}]}'
    with Host(Answer(body=body)) as host:
        found = extras.summaries(make_client(host.url), INSTANCE, as_officer=True)

    assert [each["id"] for each in found.items] == ["b"]


def test_a_list_that_knows_no_max_is_never_told_one(make_client: MakeClient) -> None:
    with Host(Answer(504)) as host, pytest.raises(WebexUnavailable):
        list(make_client(host.url).pages("/meetingSummaries", {"meetingId": "m", "max": None}))

    assert not any("max" in each.path for each in host.requests)


def test_a_poll_whose_id_leads_elsewhere_keeps_what_its_results_show(
    make_client: MakeClient,
) -> None:
    body = b'{"items": [{"id": "..", "questions": [{"id": "..", "respondents": {"items": [{}],'
    body += b' "links": {"next": "https://example.com/"}}}]}]}'
    with Host(Answer(body=body)) as host:
        found = extras.poll_results(make_client(host.url), "m")

        assert len(host.requests) == 1
    assert found.items[0]["questions"][0]["respondents"] == {"items": [{}]}
    assert [each.code for each in found.missing] == ["id_unusable"]
