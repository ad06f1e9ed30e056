"""The client asks Webex as one account, follows lists to their end and tells what went wrong."""

import threading
import time
import traceback
from pathlib import Path

import pytest

from app.dispatch.gate import SharedGate
from app.errors import (
    AnswerUnreadable,
    IngestError,
    PartialList,
    RateLimited,
    TokenRefused,
    WebexError,
    WebexUnavailable,
    WorkerStopping,
)
from app.webex.client import WebexClient
from simulator import Simulator
from tests.processes import free_port
from tests.webex.conftest import NOW, TOKEN, MakeClient
from tests.webex.host import Answer, Host
from tests.webex.tls import Authority, ConnectProxy
from tests.webex.tokens import FixedToken

ITEMS = b'{"items": [{"id": "a"}]}'
HTML = b"<!DOCTYPE html><html><body>Something went wrong</body></html>"
JSON_ERROR = b'{"message": "The requested resource could not be found.", "trackingId": "X"}'


class Heard:
    """Notes what a gate tells its meter."""

    def __init__(self) -> None:
        self.statuses: list[int | None] = []

    def answered(self, status: int | None) -> None:
        self.statuses.append(status)

    def closed(self, seconds: float) -> None:
        pass


def ids(client: WebexClient, path: str = "/recordings") -> list[str]:
    return [item["id"] for item in client.pages(path, {})]


@pytest.fixture
def ten_recordings(simulator: Simulator) -> list[str]:
    told = simulator.control.hold_meeting(recordings=10, transcripts=0, timeline="instant")
    return [each["resource_id"] for each in _files(simulator, told) if each["kind"] == "video"]


def test_a_list_is_followed_over_all_pages(
    simulator: Simulator, client: WebexClient, ten_recordings: list[str]
) -> None:
    simulator.control.change_settings(page_size_cap=3)

    assert sorted(ids(client)) == sorted(ten_recordings)
    assert len(simulator.control.requests(path_contains="/recordings")) == 4


def test_an_empty_page_does_not_end_a_list(
    simulator: Simulator, client: WebexClient, ten_recordings: list[str]
) -> None:
    simulator.control.change_settings(page_size_cap=4, empty_page_with_next=True)

    assert sorted(ids(client)) == sorted(ten_recordings)


def test_max_null_in_the_next_address_is_mended(
    simulator: Simulator, client: WebexClient, ten_recordings: list[str]
) -> None:
    simulator.control.change_settings(page_size_cap=4, max_null_in_next=True)

    assert sorted(ids(client)) == sorted(ten_recordings)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:9/v1/recordings",
        "https://{host}/v1/recordings",
        "http://{host}@127.0.0.1:9/v1/recordings",
        "http://{host}\\@127.0.0.1:9/",
        "http://{host}.example.com/",
        "//127.0.0.1:9/v1/recordings",
        "/v1/recordings?cursor=2",
        "http://[broken/",
    ],
)
def test_a_list_that_goes_on_elsewhere_is_not_followed(
    make_client: MakeClient, elsewhere: str
) -> None:
    with Host(Answer(body=ITEMS)) as host:
        address = elsewhere.format(host=f"127.0.0.1:{host.port}")
        host.answers = [Answer(headers={"Link": f'<{address}>; rel="next"'}, body=ITEMS)]

        with pytest.raises(AnswerUnreadable, match="not followed"):
            ids(make_client(f"{host.url}/v1"))
        assert len(host.requests) == 1


def test_a_list_that_goes_round_in_a_circle_ends(make_client: MakeClient) -> None:
    with Host(Answer()) as host:
        host.answers = [
            Answer(headers={"Link": f'<{host.url}/v1/x?p={page}>; rel="next"'}, body=ITEMS)
            for page in (2, 3, 2)
        ]

        with pytest.raises(AnswerUnreadable, match="circle"):
            ids(make_client(f"{host.url}/v1"))
        assert len(host.requests) == 3


def test_items_that_webex_could_not_read_are_told_after_the_others(make_client: MakeClient) -> None:
    body = (
        b'{"items": [{"id": "a"}, {"id": "b", "errors": {"title": {"code": "kms_failure"}}},'
        b' {"id": "c", "errors": []}, "text", null]}'
    )
    found: list[str] = []
    with Host(Answer(body=body)) as host, pytest.raises(PartialList, match="3 item"):
        found.extend(item["id"] for item in make_client(host.url).pages("/x", {}))

    assert found == ["a", "c"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', HTML, b'{"items": null}', b"{}", b"\xff\xfe", b"[" * 9999]
)
def test_a_list_that_is_none_is_unreadable(make_client: MakeClient, body: bytes) -> None:
    with Host(Answer(body=body)) as host, pytest.raises(AnswerUnreadable):
        ids(make_client(host.url))


def test_a_get_is_tried_three_times(simulator: Simulator, client: WebexClient) -> None:
    simulator.control.add_fault(status=503, times=2)

    assert client.get("/people/me")["emails"] == ["host@example.com"]
    assert len(simulator.control.requests(path_contains="/people/me")) == 3


def test_a_get_is_not_tried_a_fourth_time(simulator: Simulator, client: WebexClient) -> None:
    simulator.control.add_fault(drop=True, times=None)

    with pytest.raises(WebexUnavailable, match="did not answer"):
        client.get("/people/me")

    assert len(simulator.control.requests(path_contains="/people/me")) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_changes_something_is_never_tried_twice(make_client: MakeClient, method: str) -> None:
    with Host(Answer(503)) as host:
        with pytest.raises(WebexUnavailable):
            make_client(host.url).send(method, "/webhooks", {})

        assert len(host.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429])
def test_a_clear_refusal_is_not_tried_again(make_client: MakeClient, status: int) -> None:
    with Host(Answer(status)) as host:
        with pytest.raises(WebexError):
            make_client(host.url).get("/x")

        assert len(host.requests) == 1


class Renewable:
    """Tokens of which the first is refused; ``refused`` are those that were said to be."""

    def __init__(self, *others: str | None) -> None:
        self.others = list(others)
        self.refused: list[str] = []

    def at_hand(self) -> str | None:
        return None

    def current(self) -> str:
        return "first"

    def instead_of(self, refused: str) -> str | None:
        self.refused.append(refused)
        return self.others.pop(0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_token_is_renewed_once_and_the_request_repeated_once(
    open_gate: SharedGate, method: str
) -> None:
    tokens = Renewable("second")
    with Host(Answer(401), Answer(body=b'{"id": "a"}')) as host:
        client = WebexClient(host.url, tokens=tokens, gate=open_gate, clock=lambda: NOW)
        found = client.get("/x") if method == "GET" else client.send(method, "/x", {})

    assert found == {"id": "a"}
    sent = [each.headers["authorization"] for each in host.requests]
    assert (sent, tokens.refused) == (["Bearer first", "Bearer second"], ["first"])


@pytest.mark.parametrize("other", ["second", None])
def test_a_token_that_is_refused_again_ends_the_question(
    open_gate: SharedGate, other: str | None
) -> None:
    tokens = Renewable(other)
    with Host(Answer(401)) as host:
        client = WebexClient(host.url, tokens=tokens, gate=open_gate, clock=lambda: NOW)
        with pytest.raises(TokenRefused):
            client.get("/x")

    assert len(host.requests) == (1 if other is None else 2)


def test_a_token_that_is_long_in_coming_keeps_no_work_from_stopping(open_gate: SharedGate) -> None:
    never = threading.Event()

    class Slow(Renewable):
        def current(self) -> str:
            never.wait()
            return "late"

    def stop() -> None:
        raise WorkerStopping("the worker stops")

    client = WebexClient("http://127.0.0.1:9", tokens=Slow(), gate=open_gate, clock=lambda: NOW)
    with pytest.raises(WorkerStopping):
        client.accompanied_by(stop).get("/x")
    never.set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(make_client: MakeClient, status: int) -> None:
    with Host(Answer(body=ITEMS)) as other, Host(Answer(status, {"Location": other.url})) as host:
        with pytest.raises(AnswerUnreadable, match="redirected"):
            make_client(host.url).get("/x")

        assert other.requests == []


def test_a_redirect_to_no_address_is_unreadable(make_client: MakeClient) -> None:
    with (
        Host(Answer(302, {"Location": "http://[broken"})) as host,
        pytest.raises(AnswerUnreadable, match="redirected"),
    ):
        make_client(host.url).get("/x")


def test_the_budget_is_asked_before_each_request(make_client: MakeClient) -> None:
    with Host(Answer(body=b"{}")) as host:
        client = make_client(host.url, per_minute=2)
        client.get("/x")
        client.get("/x")

        with pytest.raises(RateLimited, match="budget is spent"):
            client.get("/x")
        assert len(host.requests) == 2


def test_a_heartbeat_comes_before_each_request(make_client: MakeClient) -> None:
    beats: list[int] = []
    with Host(Answer(body=b"{}")) as host:
        client = make_client(host.url)
        client.accompanied_by(lambda: beats.append(len(host.requests))).get("/x")
        client.get("/x")

    assert beats == [0]


def test_a_heartbeat_can_end_the_work(make_client: MakeClient) -> None:
    def stop() -> None:
        raise WorkerStopping("the worker stops")

    with Host(Answer(body=b"{}")) as host:
        with pytest.raises(WorkerStopping):
            make_client(host.url).accompanied_by(stop).get("/x")

        assert host.requests == []


def test_a_heartbeat_goes_on_beside_a_stalled_answer_and_can_end_it(
    make_client: MakeClient,
) -> None:
    beats: list[float] = []

    def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 3:
            raise WorkerStopping("it stops")

    with Host(Answer(body=b"{}", piece_bytes=1, pause_seconds=60)) as host:
        client = make_client(host.url)
        with pytest.raises(WorkerStopping):
            client.accompanied_by(beat).get("/x")
        host.answers = [Answer(body=b"{}")]

        assert client.get("/x") == {}
    assert len(beats) == 3
    assert beats[-1] - beats[0] < 10


@pytest.mark.parametrize("token", [None, "", "“smart-quoted”", "two\nlines", "with space", "ü"])
def test_a_token_that_cannot_be_one_is_never_sent(
    make_client: MakeClient, token: str | None
) -> None:
    with Host(Answer(body=b"{}")) as host:
        with pytest.raises(TokenRefused, match="WEBEX_ACCESS_TOKEN") as raised:
            make_client(host.url, token).get("/x")

        assert host.requests == []
    assert not token or token not in str(raised.value)


def test_netrc_does_not_replace_the_token(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_netrc(tmp_path, monkeypatch)
    with Host(Answer(body=b"{}")) as host:
        make_client(host.url).get("/x")

        assert host.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(401),
        Answer(302, {"Location": "https://example.com/?ticket=T1CKET"}),
        Answer(200, body=HTML),
        Answer(400, body=b'{"message": "Bad https://example.com/x?ticket=T1CKET here"}'),
        Answer(401, body=b'{"message": "Bearer simulator-token is no token"}'),
        Answer(200, {"Link": '<http://example.com/?ticket=T1CKET>; rel="next"'}, ITEMS),
        Answer(200, body=ITEMS, cut_at=3),
    ],
)
def test_no_error_tells_the_token_or_an_address(make_client: MakeClient, answer: Answer) -> None:
    with Host(answer) as host, pytest.raises(IngestError) as raised:
        list(make_client(host.url).pages("/recordings", {"secret": "T1CKET"}))

    _tells_nothing(raised.value)


def test_no_error_of_the_network_tells_the_token_or_an_address(make_client: MakeClient) -> None:
    client = make_client(f"http://127.0.0.1:{free_port()}/v1/T1CKET")

    with pytest.raises(WebexUnavailable) as raised:
        client.get("/x")

    _tells_nothing(raised.value)


def test_a_client_shows_no_token(make_client: MakeClient) -> None:
    client = make_client("https://example.com")

    assert TOKEN not in repr(client) + repr(vars(client))


def test_a_text_keeps_its_bytes(make_client: MakeClient) -> None:
    body = b"WEBVTT\r\n\r\n\xff\xfe\x00 not UTF-8\r\n"
    with Host(Answer(headers={"Content-Type": "text/vtt"}, body=body)) as host:
        assert make_client(host.url).get_text("/x") == body


def test_an_empty_answer_to_a_deletion_is_fine(make_client: MakeClient) -> None:
    with Host(Answer(204)) as host:
        assert make_client(host.url).send("DELETE", "/webhooks/x") == {}


def test_a_private_authority_and_a_proxy_are_honoured(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with (
        Host(Answer(body=b'{"id": "me"}'), tls=authority.server_context("api.example.com")) as host,
        ConnectProxy(host.port) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)

        assert make_client("https://api.example.com/v1").get("/people/me") == {"id": "me"}
        assert proxy.asked == ["CONNECT api.example.com:443 HTTP/1.0"]
        assert host.requests[0].path == "/v1/people/me"


def test_an_unknown_authority_is_refused(make_client: MakeClient, tmp_path: Path) -> None:
    context = Authority(tmp_path).server_context("api.example.com")
    with Host(Answer(body=b"{}"), tls=context) as host:
        with pytest.raises(WebexUnavailable, match="SSLError"):
            make_client(host.url).get("/x")

        assert host.requests == []


def _files(simulator: Simulator, told: dict[str, str]) -> list[dict[str, str]]:
    files: list[dict[str, str]] = simulator.control.truth(told["meeting_id"])["files"]
    return files


def _write_netrc(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = folder / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password invented\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(folder))


def _tells_nothing(error: BaseException) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    shown = str(error) + repr(error) + repr(vars(error))
    assert TOKEN not in told
    assert "T1CKET" not in shown
    assert "://" not in shown


def test_every_request_is_counted_by_what_it_was_answered_also_those_that_are_tried_again() -> None:
    heard = Heard()
    gate = SharedGate("memory", token_name="a test", per_minute=100_000, meter=heard)
    answers = [Answer(503), Answer(body=ITEMS), Answer(404, body=JSON_ERROR)]
    with Host(*answers, Answer(302, {"Location": "http://[broken/"})) as host:
        client = WebexClient(host.url, tokens=FixedToken(TOKEN), gate=gate, clock=lambda: NOW)
        assert ids(client) == ["a"]
        for path in ("/meetings/1", "/meetings/2"):
            with pytest.raises(IngestError):
                client.get(path)
    nobody = f"http://127.0.0.1:{free_port()}"
    client = WebexClient(nobody, tokens=FixedToken(TOKEN), gate=gate, clock=lambda: NOW)
    with pytest.raises(WebexUnavailable):
        client.send("POST", "/webhooks", {})

    assert heard.statuses == [503, 200, 404, None, None]
