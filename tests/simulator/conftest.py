"""A simulator with a frozen clock, a session with it, and a receiver of webhooks."""

from collections.abc import Iterator

import pytest

from simulator import ControlClient, Simulator
from tests.simulator.support import Api, Receiver, Webex


@pytest.fixture
def webex() -> Iterator[Webex]:
    with Simulator() as simulator, Api(simulator.api_url) as api:
        simulator.control.freeze()
        yield Webex(simulator, api)


@pytest.fixture
def control(webex: Webex) -> ControlClient:
    return webex.simulator.control


@pytest.fixture
def api(webex: Webex) -> Api:
    return webex.api


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
