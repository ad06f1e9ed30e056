"""A simulator with a frozen clock, a session with it, a recording, and a receiver of webhooks."""

from collections.abc import Iterator

import pytest

from simulator import ControlClient, Simulator
from tests.simulator.download import download, video_link
from tests.simulator.support import Api, Receiver, Webex

BYTES = 200_000


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
def recording_id(webex: Webex) -> str:
    held: str = webex.meeting(recordings=[{"bytes": BYTES}])["recording_ids"][0]
    return held


@pytest.fixture
def link(webex: Webex, recording_id: str) -> str:
    return video_link(webex, recording_id)


@pytest.fixture
def file(link: str) -> bytes:
    return download(link).body


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
