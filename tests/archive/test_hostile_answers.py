"""Answers that no sane host gives, byte by byte."""

import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import structlog
import urllib3

from app.archive.limits import Limits, Link
from app.archive.media import media_session, open_link, read_piece
from app.archive.part import Part
from app.archive.places import Places
from app.archive.resume import COMPARED_BYTES
from app.archive.transfer import Transfer
from app.errors import HostBusy, LeaseLost, TransferInterrupted, WorkerStopping
from app.logs import configure_logs
from app.models.times import utc_now
from tests.archive.conftest import MakeFetch
from tests.webex.host import Answer, Host
from tests.webex.tls import Authority, ConnectProxy


def wait() -> None:
    """Go on waiting for a place."""


MEDIA = bytes(range(1, 250)) * 2000
TOTAL = len(MEDIA)
HALF = TOTAL // 2
AGAIN = HALF - COMPARED_BYTES
TAG = {"ETag": '"one"', "Content-Type": "video/mp4"}
HALF_CUT = Answer(200, TAG, MEDIA, cut_at=HALF)


def rest(first: int) -> Answer:
    bounds = {"Content-Range": f"bytes {first}-{TOTAL - 1}/{TOTAL}"}
    return Answer(206, TAG | bounds, MEDIA[first:])


@contextmanager
def host_saying(pieces: Iterable[bytes], *, pause_seconds: float = 0.02) -> Iterator[str]:
    """A host that answers every request with these bytes, slowly; its address."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)

    def answer(connection: socket.socket, said: Iterable[bytes]) -> None:
        with connection:
            connection.recv(65536)
            try:
                for piece in said:
                    connection.sendall(piece)
                    if over.wait(pause_seconds):
                        return
                over.wait()
            except OSError:
                return

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            said, later = itertools.tee(kept[0])
            kept[0] = later
            threading.Thread(target=answer, args=(connection, said), daemon=True).start()

    kept: list[Iterator[bytes]] = [iter(pieces)]
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listening.close()


NO_HEADERS = {
    "silence": [],
    "a drip": itertools.chain([b"HTTP/1.1 200 OK\r\nX-Long: "], itertools.repeat(b"x")),
    "go on for ever": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", NO_HEADERS)
@pytest.mark.parametrize("error", [WorkerStopping, LeaseLost])
def test_a_transfer_can_end_while_it_waits_for_headers(
    make_fetch: MakeFetch, name: str, error: type[Exception]
) -> None:
    def end(_transfer: Transfer) -> None:
        raise error("on purpose")

    with host_saying(NO_HEADERS[name]) as url:
        fetch = make_fetch(f"{url}/x", on_progress=end, slow_seconds=2)
        began = time.monotonic()
        with pytest.raises(error, match="on purpose"):
            fetch.run()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", NO_HEADERS)
def test_a_host_that_gives_no_headers_is_hung_up_on(make_fetch: MakeFetch, name: str) -> None:
    with host_saying(NO_HEADERS[name]) as url:
        fetch = make_fetch(f"{url}/x", slow_seconds=0.2, slowest_bytes_per_second=1)

        with pytest.raises(TransferInterrupted, match="slowly"):
            fetch.run()


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_body_that_drips_over_tls_can_be_ended_and_gone_on_with(
    make_fetch: MakeFetch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    through_proxy: bool,
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    slow = Answer(200, TAG, MEDIA, piece_bytes=HALF, pause_seconds=20)
    with (
        Host(slow, rest(AGAIN), tls=authority.server_context("media.example.com")) as host,
        ConnectProxy(host.port) as proxy,
    ):
        link, allowed = f"{host.url}/x", (host.url,)
        if through_proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            link, allowed = "https://media.example.com/x", (".example.com",)
        fetch = make_fetch(link, allowed=allowed, slow_seconds=0.3, slowest_bytes_per_second=10**9)

        assert fetch.run() == MEDIA


@pytest.mark.parametrize("size", [b"-5", b"zz", b"7fffffffffffffffffff"])
def test_a_chunk_of_no_size_is_a_broken_connection(make_fetch: MakeFetch, size: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: video/mp4\r\n\r\n"
    with host_saying([head + size + b"\r\n" + MEDIA[:1000]]) as url:
        fetch = make_fetch(f"{url}/x", slow_seconds=0.5, slowest_bytes_per_second=10**6)

        with pytest.raises(TransferInterrupted):
            fetch.run()


def test_a_length_that_no_file_has_is_none(make_fetch: MakeFetch) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n"
    with host_saying([head + MEDIA]) as url:
        fetch = make_fetch(f"{url}/x", slow_seconds=0.5, slowest_bytes_per_second=10**7)

        with pytest.raises(TransferInterrupted):
            fetch.run()
        assert fetch.transfer.resume.total is None


@pytest.mark.parametrize("total", [HALF, HALF + 1, TOTAL])
def test_a_416_that_names_another_size_than_before_is_not_believed(
    make_fetch: MakeFetch, total: int
) -> None:
    refused = Answer(416, {"Content-Range": f"bytes */{total}"})
    with Host(HALF_CUT, refused, Answer(200, TAG, MEDIA)) as host:
        assert make_fetch(f"{host.url}/x").run() == MEDIA


@pytest.mark.parametrize(
    "page",
    [
        Answer(200, {"Content-Type": "application/xml"}, b"<Error>Expired</Error>"),
        Answer(200, {"Content-Type": "text/xml"}, b"<Error>Expired</Error>"),
        Answer(200, {"Content-Type": "video/mp4"}, b"<html>Sign in</html>"),
        Answer(200, {}, b'{"message": "expired"}'),
        Answer(200, TAG, b""),
    ],
)
def test_a_page_for_a_resumed_request_costs_nothing_of_what_is_stored(
    make_fetch: MakeFetch, page: Answer
) -> None:
    with Host(HALF_CUT, page, rest(AGAIN)) as host:
        assert make_fetch(f"{host.url}/x").run() == MEDIA

        assert [each.headers.get("range") for each in host.requests] == [
            None,
            f"bytes={AGAIN}-",
            f"bytes={AGAIN}-",
        ]


def test_a_byte_at_a_time_is_no_progress(make_fetch: MakeFetch) -> None:
    pieces = [HALF_CUT]
    for size in range(HALF, HALF + 20):
        first = size - COMPARED_BYTES
        bounds = {"Content-Range": f"bytes {first}-{size}/{TOTAL}"}
        pieces.append(Answer(206, TAG | bounds, MEDIA[first : size + 1]))
    with Host(*pieces) as host:
        fetch = make_fetch(f"{host.url}/x")

        with pytest.raises(TransferInterrupted):
            fetch.run()
        assert len(host.requests) == 4


def test_a_place_is_taken_where_a_redirect_leads(tmp_path: Path) -> None:
    places = Places(1, patience_seconds=0)
    seen: list[str] = []

    with Host(Answer(200, TAG, MEDIA)) as last:
        there = last.url.replace("127.0.0.1", "localhost")
        with Host(Answer(302, {"Location": f"{there}/x"})) as first, Part(tmp_path / "p") as part:

            def note(_bytes: int) -> None:
                for name in ("127.0.0.1", "localhost"):
                    with pytest.raises(HostBusy, match="under way"), places.at(name, check=wait):
                        pass
                    seen.append(name)

            Transfer(
                part,
                fresh_link=lambda: Link(f"{first.url}/x"),
                session=media_session(),
                limits=Limits((first.url, there), 10**9),
                clock=utc_now,
                progress=lambda _transfer: None,
                check_space=note,
                stopping=lambda: False,
                places=places,
            ).run()

    assert set(seen) == {"127.0.0.1", "localhost"}
    with places.at("localhost", check=wait), places.at("127.0.0.1", check=wait):
        pass


def test_no_library_logs_a_link(make_fetch: MakeFetch, capsys: pytest.CaptureFixture[str]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nno header at all\r\n\r\n" % TOTAL
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logs(log_format="json", secrets=[])
        with host_saying([head + MEDIA]) as url:
            assert make_fetch(f"{url}/x?signature=S1GNATURE").run() == MEDIA
    finally:
        root.handlers[:], root.level = before, level
        structlog.reset_defaults()

    assert "S1GNATURE" not in capsys.readouterr().err


def test_what_is_read_after_hanging_up_over_tls_is_still_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with (
        Host(Answer(200, TAG, MEDIA), tls=authority.server_context()) as host,
        media_session() as session,
        open_link(session, f"{host.url}/x", {}, (host.url,)) as response,
    ):
        came = read_piece(response, 1000)
        response.raw.shutdown()
        with suppress(TransferInterrupted, urllib3.exceptions.HTTPError):
            while piece := read_piece(response, 5000):
                came += piece

    assert len(came) > 1000
    assert MEDIA.startswith(came)
