"""A simulator with a frozen clock, and clients for it and for hosts of a test's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from app.dispatch.gate import SharedGate
from app.webex.client import WebexClient
from simulator import Simulator
from tests.webex.tokens import FixedToken

TOKEN = "simulator-token"
NOW_TEXT = "2026-03-02T09:00:00Z"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MakeClient = Callable[..., WebexClient]
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and no certificates from the machine that the tests run on."""
    for name in (*PROXY_VARIABLES, *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.control.call("POST", "/clock", {"freeze": True, "now": NOW_TEXT})
        yield simulator


@pytest.fixture
def open_gate() -> SharedGate:
    """A real gate that is never the reason."""
    return SharedGate("memory", token_name="a test", per_minute=100_000)


@pytest.fixture
def make_client() -> MakeClient:
    """Make a client with a real gate of its own."""

    def make(api_url: str, token: str | None = TOKEN, *, per_minute: int = 100_000) -> WebexClient:
        gate = SharedGate("memory", token_name="a test", per_minute=per_minute)
        return WebexClient(api_url, tokens=FixedToken(token), gate=gate, clock=lambda: NOW)

    return make


@pytest.fixture
def client(simulator: Simulator, make_client: MakeClient) -> WebexClient:
    return make_client(simulator.api_url)
