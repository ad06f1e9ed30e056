"""Transfers from the simulator's media origin and from hosts of a test's own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.archive.limits import Limits, Link
from app.archive.media import media_session
from app.archive.part import Part
from app.archive.transfer import Transfer
from app.webex import resources
from app.webex.client import WebexClient
from simulator import Simulator
from tests.webex.conftest import NOW
from tests.webex.conftest import client as client
from tests.webex.conftest import make_client as make_client
from tests.webex.conftest import plain_network as plain_network
from tests.webex.conftest import simulator as simulator

VIDEO_BYTES = 3_000_000


@dataclass
class Fetch:
    """One transfer into a part of its own, and what it asked for on its way."""

    transfer: Transfer
    part: Part
    links: list[Link] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def run(self) -> bytes:
        """Bring the file; its bytes as they are on the disk."""
        self.transfer.run()
        return self.part.path.read_bytes()


MakeFetch = Callable[..., Fetch]


@pytest.fixture
def make_fetch(tmp_path: Path) -> Iterator[MakeFetch]:
    """Make a transfer from an address, or from a function that gives fresh links."""
    parts: list[Part] = []
    session = media_session()

    def make(
        source: str | Callable[[], Link],
        *,
        allowed: tuple[str, ...] = (),
        max_bytes: int = 10**9,
        total: int | None = None,
        validator: str | None = None,
        check_space: Callable[[int], None] = lambda _bytes: None,
        stopping: Callable[[], bool] = lambda: False,
        on_progress: Callable[[Transfer], None] = lambda _transfer: None,
        **more: Any,
    ) -> Fetch:
        part = Part(tmp_path / f"{len(parts)}.part")
        parts.append(part)
        origin = () if callable(source) else ("/".join(source.split("/")[:3]),)

        def fresh_link() -> Link:
            fetch.links.append(source() if callable(source) else Link(source))
            return fetch.links[-1]

        def progress(transfer: Transfer) -> None:
            fetch.sizes.append(transfer.part.size)
            on_progress(transfer)

        limits = {name: more.pop(name) for name in list(more) if name in Limits.__annotations__}
        fetch = Fetch(
            Transfer(
                part,
                fresh_link=fresh_link,
                session=session,
                limits=Limits(allowed or origin, max_bytes, **limits),
                clock=more.pop("clock", _now),
                progress=progress,
                check_space=check_space,
                stopping=stopping,
                **more,
            ),
            part,
        )
        fetch.transfer.resume.total, fetch.transfer.resume.validator = total, validator
        return fetch

    yield make
    session.close()
    for part in parts:
        part.__exit__(None, None, None)


@dataclass(frozen=True)
class Recorded:
    """A recording at the simulator, with what a perfect download of it is."""

    simulator: Simulator
    client: WebexClient
    recording_id: str
    true_files: dict[str, dict[str, Any]]

    @property
    def origin(self) -> tuple[str, ...]:
        return (self.simulator.media_url,)

    def video(self) -> Link:
        return self._link("recording_download_link")

    def audio(self) -> Link:
        return self._link("audio_download_link")

    def asked(self) -> list[dict[str, Any]]:
        """The requests to the media origin."""
        return self.simulator.control.requests(origin="media")

    def ranges(self) -> list[str | None]:
        return [each["headers"].get("Range") for each in self.asked()]

    def _link(self, name: str) -> Link:
        links = resources.recording(self.client, self.recording_id).temporary_direct_download_links
        assert links is not None
        return Link(getattr(links, name), links.expiration)


@pytest.fixture
def recorded(simulator: Simulator, client: WebexClient) -> Recorded:
    told = simulator.control.hold_meeting(
        recordings=[{"bytes": VIDEO_BYTES}], transcripts=0, timeline="instant"
    )
    files = simulator.control.truth(told["meeting_id"])["files"]
    by_kind = {each["kind"]: each for each in files}
    return Recorded(simulator, client, by_kind["video"]["resource_id"], by_kind)


def _now() -> datetime:
    return NOW
