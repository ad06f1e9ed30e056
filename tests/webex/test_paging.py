"""Lists that are paged by offset end where Webex has no more, and lose nothing on the way."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import AnswerUnreadable, PartialList
from app.webex.client import WebexClient
from tests.webex.conftest import MakeClient
from tests.webex.host import Answer, Host

UNREADABLE = {"id": "x", "errors": {"text": {"code": "kms_failure"}}}


def page(*items: Any) -> Answer:
    return Answer(body=json.dumps({"items": items}).encode())


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, **more}


def listed(client: WebexClient) -> list[dict[str, Any]]:
    return list(client.pages("/chats", {"meetingId": "m"}, by_offset=True))


def offsets(host: Host) -> list[str]:
    queries = [parse_qs(urlsplit(each.path).query) for each in host.requests]
    return [each.get("offset", ["none"])[0] for each in queries]


def test_a_list_without_links_goes_on_by_offset_until_there_is_no_more(
    make_client: MakeClient,
) -> None:
    with Host(page(said("a", id=1), said("b", id=2)), page(said("c", id=3)), page()) as host:
        assert [each["text"] for each in listed(make_client(host.url))] == ["a", "b", "c"]

        assert offsets(host) == ["none", "2", "3"]


def test_a_list_is_not_asked_for_by_offset_unless_it_knows_one(make_client: MakeClient) -> None:
    with Host(page(said("a"))) as host:
        list(make_client(host.url).pages("/x", {}))

        assert offsets(host) == ["none"]


def test_items_without_an_id_are_all_kept_even_those_that_say_the_same(
    make_client: MakeClient,
) -> None:
    with Host(page(said("+1"), said("+1")), page(said("+1"), said("no")), page()) as host:
        found = listed(make_client(host.url))

    assert [each["text"] for each in found] == ["+1", "+1", "+1", "no"]


def test_a_server_that_knows_no_offset_ends_the_list(make_client: MakeClient) -> None:
    first, other_order = page(said("a"), said("b", id="1")), page(said("b", id="1"), said("a"))
    with Host(first, other_order) as host:
        assert [each["text"] for each in listed(make_client(host.url))] == ["a", "b"]

        assert len(host.requests) == 2


def test_a_server_that_pages_by_link_only_is_followed_by_its_links(
    make_client: MakeClient,
) -> None:
    with Host(Answer()) as host:
        link = {"Link": f'<{host.url}/chats?cursor=2&max=100>; rel="next"'}
        host.answers = [Answer(headers=link, body=page(said("a")).body), page(said("b"))]

        assert [each["text"] for each in listed(make_client(host.url))] == ["a", "b"]
        assert offsets(host) == ["none", "none"]


def test_pages_by_offset_that_overlap_bring_each_item_once(make_client: MakeClient) -> None:
    pages = page(said("a", id=1), said("b", id=2)), page(said("b", id=2), said("c", id=3)), page()
    with Host(*pages) as host:
        assert [each["id"] for each in listed(make_client(host.url))] == [1, 2, 3]


def test_what_webex_could_not_read_counts_for_the_offset_and_is_told_at_the_end(
    make_client: MakeClient,
) -> None:
    found: list[Any] = []
    with Host(page(UNREADABLE), page(said("b", id=2)), page()) as host:
        with pytest.raises(PartialList, match="1 item"):
            found.extend(make_client(host.url).pages("/chats", {}, by_offset=True))

        assert offsets(host) == ["none", "1", "2"]
    assert found == [said("b", id=2)]


def test_a_page_by_offset_that_takes_too_long_is_asked_for_smaller_and_so_are_those_after_it(
    make_client: MakeClient,
) -> None:
    with Host(*[Answer(504)] * 3, page(said("a", id=1)), page()) as host:
        assert len(listed(make_client(host.url))) == 1

        assert [parse_qs(urlsplit(each.path).query)["max"] for each in host.requests] == [
            *[["100"]] * 3,
            ["50"],
            ["50"],
        ]
        assert offsets(host)[-1] == "1"


def test_a_list_by_offset_without_an_end_is_unreadable(make_client: MakeClient) -> None:
    with Host(Answer()) as host:
        host.answers = [page(said(str(number))) for number in range(1001)]

        with pytest.raises(AnswerUnreadable, match="1000 pages"):
            listed(make_client(host.url))
