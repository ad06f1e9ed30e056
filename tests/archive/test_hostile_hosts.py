"""Media hosts that lie, redirect, break off or want something else than to serve a file."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.archive.limits import Link
from app.archive.links import Destination
from app.archive.media import ask_media, media_session
from app.archive.resume import COMPARED_BYTES
from app.errors import (
    IngestError,
    LinkDead,
    LinkRefused,
    MediaBroken,
    TransferInterrupted,
)
from tests.archive.conftest import MakeFetch
from tests.processes import free_port
from tests.webex.host import Answer, Host
from tests.webex.tls import Authority, ConnectProxy

MEDIA = bytes(range(1, 250)) * 2000
TOTAL = len(MEDIA)
HALF = TOTAL // 2
AGAIN = HALF - COMPARED_BYTES
TAG = {"ETag": '"one"', "Content-Type": "video/mp4"}
WHOLE = Answer(200, TAG, MEDIA)
HALF_CUT = Answer(200, TAG, MEDIA, cut_at=HALF)


def part_of(first: int, *, total: int | str = TOTAL, tag: str = '"one"') -> Answer:
    return Answer(
        206,
        {"Content-Range": f"bytes {first}-{TOTAL - 1}/{total}", "ETag": tag},
        MEDIA[first:],
    )


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(WHOLE) as host:
        yield host


@pytest.fixture
def other() -> Iterator[Host]:
    with Host(WHOLE) as host:
        yield host


@pytest.mark.parametrize(
    "headers", [{"Connection": "close"}, {"Connection": "keep-alive"}, {"Content-Encoding": ""}]
)
def test_a_file_arrives_whether_or_not_the_host_keeps_the_connection(
    host: Host, make_fetch: MakeFetch, headers: dict[str, str]
) -> None:
    host.answers = [Answer(200, TAG | headers, MEDIA)]

    assert make_fetch(f"{host.url}/x?ticket=T1CKET").run() == MEDIA


def test_a_body_that_ends_with_its_connection_arrives(host: Host, make_fetch: MakeFetch) -> None:
    host.answers = [Answer(200, TAG, MEDIA, has_length=False)]

    fetch = make_fetch(f"{host.url}/x")

    assert fetch.run() == MEDIA
    assert fetch.transfer.resume.total is None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"x" * 99),
        Answer(200, {"Content-Type": "TEXT/HTML"}, b"x" * 99),
        Answer(200, {"Content-Type": "application/json"}, b"[]"),
        Answer(200, {"Content-Type": "application/xhtml+xml"}, b"x"),
        Answer(200, {"Content-Type": "video/mp4"}, b"<!DOCTYPE html><html></html>"),
        Answer(200, {"Content-Type": "video/mp4"}, b' \r\n {"message": "expired"}'),
        Answer(200, {}, b"\xef\xbb\xbf<html>"),
        Answer(200, {}, b"<html>", has_length=False),
    ],
)
def test_a_page_instead_of_a_file_means_that_the_link_is_dead(
    host: Host, make_fetch: MakeFetch, answer: Answer
) -> None:
    host.answers = [answer]
    fetch = make_fetch(f"{host.url}/x")

    with pytest.raises(LinkDead):
        fetch.run()
    assert (len(fetch.links), fetch.part.size) == (3, 0)


def test_a_page_in_the_middle_of_a_file_means_that_the_link_is_dead(
    host: Host, make_fetch: MakeFetch
) -> None:
    page = Answer(200, {"Content-Type": "text/html"}, b"<html>")
    host.answers = [HALF_CUT, page, part_of(AGAIN)]
    fetch = make_fetch(f"{host.url}/x")

    assert fetch.run() == MEDIA
    assert len(fetch.links) == 2
    assert host.requests[-1].headers["range"] == f"bytes={AGAIN}-"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_compressed_body_is_refused(host: Host, make_fetch: MakeFetch, encoding: str) -> None:
    body = gzip.compress(MEDIA)
    host.answers = [Answer(200, {"Content-Encoding": encoding}, body)]
    fetch = make_fetch(f"{host.url}/x")

    with pytest.raises(MediaBroken, match="compressed"):
        fetch.run()
    assert fetch.part.size == 0


@pytest.mark.parametrize("name", ["identity", "Identity"])
def test_a_body_that_is_not_compressed_may_say_so(
    host: Host, make_fetch: MakeFetch, name: str
) -> None:
    host.answers = [Answer(200, {"Content-Encoding": name}, MEDIA)]

    assert make_fetch(f"{host.url}/x").run() == MEDIA


@pytest.mark.parametrize(
    "wrong",
    [
        part_of(AGAIN + 1),
        part_of(AGAIN - 1),
        part_of(0),
        part_of(AGAIN, total=TOTAL + 1),
        part_of(AGAIN, tag='"two"'),
        Answer(206, {}, MEDIA[HALF:]),
        Answer(206, {"Content-Range": "bytes nonsense"}, MEDIA[HALF:]),
        Answer(206, {"Content-Range": f"bytes {'9' * 5000}-9/9"}, MEDIA[HALF:]),
        Answer(206, {"Content-Type": "multipart/byteranges; boundary=x"}, b"--x\r\n"),
        Answer(416, {"Content-Range": f"bytes */{HALF - 1}"}),
        Answer(416, {"Content-Range": "bytes */*"}),
        Answer(416),
    ],
)
def test_an_answer_that_does_not_go_on_with_the_file_is_never_mixed_in(
    host: Host, make_fetch: MakeFetch, wrong: Answer
) -> None:
    host.answers = [HALF_CUT, wrong, WHOLE]

    assert make_fetch(f"{host.url}/x").run() == MEDIA
    assert "range" not in host.requests[-1].headers


def test_a_weak_tag_is_no_reason_to_trust_and_none_to_doubt(
    host: Host, make_fetch: MakeFetch
) -> None:
    weak = {"ETag": 'W/"one"'}
    host.answers = [Answer(200, weak, MEDIA, cut_at=HALF), part_of(AGAIN, tag='W/"two"')]

    assert make_fetch(f"{host.url}/x").run() == MEDIA
    assert "if-range" not in host.requests[-1].headers


@pytest.mark.parametrize("tag", [None, 'W/"one"'])
def test_another_file_behind_a_new_link_is_never_mixed_in(
    host: Host, make_fetch: MakeFetch, tag: str | None
) -> None:
    headers = {"ETag": tag} if tag else {}
    other = bytes(reversed(MEDIA))
    bounds = {"Content-Range": f"bytes {AGAIN}-{TOTAL - 1}/{TOTAL}"}
    host.answers = [
        Answer(200, headers, MEDIA, cut_at=HALF),
        Answer(206, headers | bounds, other[AGAIN:]),
        Answer(200, headers, other),
    ]

    assert make_fetch(f"{host.url}/x").run() == other


def test_a_page_inside_a_body_is_never_kept(host: Host, make_fetch: MakeFetch) -> None:
    page = b"<html>502 Bad Gateway</html>"
    spoilt = Answer(200, {"Content-Length": str(TOTAL)}, MEDIA[:HALF] + page, cut_at=HALF + 28)
    again = HALF + len(page) - COMPARED_BYTES
    host.answers = [spoilt, part_of(again), WHOLE]

    assert make_fetch(f"{host.url}/x").run() == MEDIA
    assert [each.headers.get("range") for each in host.requests] == [None, f"bytes={again}-", None]


def test_pieces_are_put_together_when_a_host_sends_less_than_asked(
    host: Host, make_fetch: MakeFetch
) -> None:
    piece = {"ETag": '"one"', "Content-Range": f"bytes {AGAIN}-{HALF + 99}/{TOTAL}"}
    host.answers = [HALF_CUT, Answer(206, piece, MEDIA[AGAIN : HALF + 100]), part_of(AGAIN + 100)]

    assert make_fetch(f"{host.url}/x").run() == MEDIA


def test_a_host_that_keeps_changing_its_mind_does_not_keep_us_for_ever(
    host: Host, make_fetch: MakeFetch
) -> None:
    changing = [HALF_CUT, part_of(AGAIN, tag='"two"')]
    host.answers = changing * 20 + [WHOLE]

    with pytest.raises(TransferInterrupted):
        make_fetch(f"{host.url}/x").run()
    assert len(host.requests) < 20


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "x"])
def test_a_length_that_is_none_is_as_if_there_were_none(
    host: Host, make_fetch: MakeFetch, length: str
) -> None:
    host.answers = [Answer(200, TAG | {"Content-Length": length, "Connection": "close"}, MEDIA)]

    assert make_fetch(f"{host.url}/x").run() == MEDIA


def test_two_lengths_are_no_answer(host: Host, make_fetch: MakeFetch) -> None:
    host.answers = [Answer(200, TAG | {"Content-Length": "1, 2"}, MEDIA)]

    with pytest.raises(TransferInterrupted):
        make_fetch(f"{host.url}/x").run()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_listed_place_is_followed_without_credentials(
    host: Host,
    other: Host,
    make_fetch: MakeFetch,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / ".netrc").write_text("default login alice password invented\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    host.answers = [Answer(status, {"Location": f"{other.url}/y?ticket=T1CKET"})]

    assert make_fetch(f"{host.url}/x", allowed=(host.url, other.url)).run() == MEDIA
    for seen in host.requests + other.requests:
        assert not {"authorization", "cookie"} & set(seen.headers)


def test_the_body_of_a_redirect_is_not_read(host: Host, other: Host, make_fetch: MakeFetch) -> None:
    host.answers = [
        Answer(302, {"Location": f"{other.url}/y"}, MEDIA, piece_bytes=100, pause_seconds=30)
    ]

    assert make_fetch(f"{host.url}/x", allowed=(host.url, other.url)).run() == MEDIA


def test_no_cookie_is_kept(host: Host, make_fetch: MakeFetch) -> None:
    tasty = {"Set-Cookie": "session=T1CKET"}
    host.answers = [Answer(302, tasty | {"Location": "/y"}), Answer(403, tasty), WHOLE]

    assert make_fetch(f"{host.url}/x").run() == MEDIA
    assert not any("cookie" in seen.headers for seen in host.requests)


def test_a_redirect_keeps_the_range(host: Host, other: Host, make_fetch: MakeFetch) -> None:
    host.answers = [Answer(302, {"Location": f"{other.url}/y"})]
    other.answers = [HALF_CUT, part_of(AGAIN)]

    assert make_fetch(f"{host.url}/x", allowed=(host.url, other.url)).run() == MEDIA
    assert other.requests[-1].headers["range"] == f"bytes={AGAIN}-"


def test_a_redirect_may_be_relative(host: Host, make_fetch: MakeFetch) -> None:
    host.answers = [Answer(302, {"Location": "../y"}), WHOLE]

    assert make_fetch(f"{host.url}/a/x").run() == MEDIA
    assert [each.path for each in host.requests] == ["/a/x", "/y"]


@pytest.mark.parametrize(
    "location",
    [
        "{other}/y",
        "http://alice:secret@{host}/y",
        "http://[broken",
        "ftp://{host}/y",
        "file:///etc/passwd",
        "https://{host}/y",
        "http://{host}\\@evil.example.com/",
        "//evil.example.com/y",
        "http://{host}:99999/",
    ],
)
def test_a_redirect_to_elsewhere_means_that_the_link_is_dead(
    host: Host, other: Host, make_fetch: MakeFetch, location: str
) -> None:
    place = location.format(other=other.url, host=f"127.0.0.1:{host.port}")
    host.answers = [Answer(302, {"Location": place})]
    fetch = make_fetch(f"{host.url}/x")

    with pytest.raises(LinkDead):
        fetch.run()
    assert len(fetch.links) == 3
    assert other.requests == []


@pytest.mark.parametrize("headers", [{"Location": "/x"}, {"Location": ""}, {}])
def test_redirects_in_a_circle_end(
    host: Host, make_fetch: MakeFetch, headers: dict[str, str]
) -> None:
    host.answers = [Answer(302, headers)]

    with pytest.raises(LinkDead, match="redirects"):
        make_fetch(f"{host.url}/x").run()
    assert len(host.requests) <= 12


def test_a_link_to_an_unlisted_host_is_refused_without_a_request(
    host: Host, make_fetch: MakeFetch
) -> None:
    fetch = make_fetch(f"{host.url}/x?ticket=T1CKET", allowed=(".webex.com",))

    with pytest.raises(LinkRefused) as raised:
        fetch.run()
    assert host.requests == []
    assert len(fetch.links) == 1
    assert "T1CKET" not in str(raised.value)


@pytest.mark.parametrize("proxy", [None, "HTTPS_PROXY", "FTP_PROXY"])
def test_a_listed_name_that_leads_into_a_private_network_sees_no_request(
    host: Host, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    if proxy:
        # A proxy for something else checks nothing for us.
        monkeypatch.setenv(proxy, f"http://127.0.0.1:{free_port()}")
    with media_session() as session, pytest.raises(LinkRefused, match="private network"):
        ask_media(
            session,
            f"http://localhost:{host.port}/x?ticket=T1CKET",
            Destination("localhost", listed=False),
            {},
        )

    assert host.requests == []


def test_a_media_session_by_itself_reaches_no_private_network(host: Host) -> None:
    with media_session() as session, pytest.raises(LinkRefused, match="private network"):
        session.get(f"{host.url}/x", timeout=5)

    assert host.requests == []


def test_a_listed_origin_may_lead_into_a_private_network(host: Host) -> None:
    with (
        media_session() as session,
        ask_media(session, f"{host.url}/x", Destination("127.0.0.1", listed=True), {}) as answer,
    ):
        assert answer.status_code == 200


def test_a_private_authority_and_a_proxy_are_honoured(
    make_fetch: MakeFetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    context = authority.server_context("nsj1wss.example.com")
    with Host(HALF_CUT, part_of(AGAIN), tls=context) as host, ConnectProxy(host.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        link = "https://nsj1wss.example.com/nbr/x?ticket=T1CKET"

        assert make_fetch(link, allowed=(".example.com",)).run() == MEDIA
        assert set(proxy.asked) == {"CONNECT nsj1wss.example.com:443 HTTP/1.0"}


def test_an_unknown_authority_is_refused(make_fetch: MakeFetch, tmp_path: Path) -> None:
    context = Authority(tmp_path).server_context()
    with Host(WHOLE, tls=context) as host:
        with pytest.raises(TransferInterrupted, match="SSLError"):
            make_fetch(f"{host.url}/x").run()

        assert host.requests == []


@pytest.mark.parametrize("pause_seconds", [0.05, 30])
def test_a_host_that_only_drips_is_hung_up_on(
    host: Host, make_fetch: MakeFetch, pause_seconds: float
) -> None:
    host.answers = [Answer(200, TAG, MEDIA, piece_bytes=500, pause_seconds=pause_seconds)]
    fetch = make_fetch(f"{host.url}/x", slow_seconds=0.3, slowest_bytes_per_second=100_000)

    with pytest.raises(TransferInterrupted, match="slow"):
        fetch.run()


def test_a_slow_body_without_a_length_is_not_taken_for_whole(
    host: Host, make_fetch: MakeFetch
) -> None:
    host.answers = [Answer(200, TAG, MEDIA, has_length=False, piece_bytes=500, pause_seconds=30)]
    fetch = make_fetch(f"{host.url}/x", slow_seconds=0.2, slowest_bytes_per_second=100_000)

    with pytest.raises(TransferInterrupted, match="slow"):
        fetch.run()


def test_what_came_slowly_is_kept_for_the_next_try(host: Host, make_fetch: MakeFetch) -> None:
    slow = Answer(200, TAG, MEDIA, piece_bytes=HALF, pause_seconds=1)
    host.answers = [slow, part_of(AGAIN)]
    fetch = make_fetch(f"{host.url}/x", slow_seconds=0.2, slowest_bytes_per_second=10**9)

    assert fetch.run() == MEDIA


@pytest.mark.parametrize(
    "answer",
    [
        Answer(403),
        Answer(500),
        Answer(302, {"Location": "https://evil.example.com/?ticket=T1CKET"}),
        Answer(302, {"Location": "/?ticket=T1CKET"}),
        Answer(200, {"Content-Encoding": "gzip"}, b"x"),
        Answer(200, {}, MEDIA, cut_at=0),
        Answer(200, {"Content-Type": "text/html"}, b"T1CKET"),
        Answer(416),
    ],
)
def test_no_error_tells_the_link(host: Host, make_fetch: MakeFetch, answer: Answer) -> None:
    host.answers = [answer]

    with pytest.raises(IngestError) as raised:
        make_fetch(f"{host.url}/x?ticket=T1CKET").run()

    _tells_no_link(raised.value)


def test_no_error_of_the_network_tells_the_link(make_fetch: MakeFetch) -> None:
    with pytest.raises(TransferInterrupted) as raised:
        make_fetch(f"http://127.0.0.1:{free_port()}/x?ticket=T1CKET").run()

    _tells_no_link(raised.value)
    assert raised.value.__suppress_context__


def test_a_link_shows_nothing_of_itself() -> None:
    assert "T1CKET" not in repr(Link("https://nsj1wss.webex.com/?ticket=T1CKET"))


def _tells_no_link(error: BaseException) -> None:
    shown = str(error) + repr(error) + repr(vars(error))
    assert re.search(r"T1CKET|://|127\.0\.0\.1:", shown) is None
