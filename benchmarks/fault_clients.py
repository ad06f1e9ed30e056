"""The rows of the table of faults: clients as careful people would call them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import program, tool


@dataclass(frozen=True, slots=True)
class Task:
    """One recording, and where its video is to be."""

    api_url: str
    media_url: str
    recording_id: str
    fresh_link: Callable[[], str]
    place: Path


@dataclass(frozen=True, slots=True)
class Client:
    """A row."""

    name: str
    argv: Callable[[Task], list[str]]
    needs: str | None = None

    @property
    def is_missing(self) -> bool:
        """Whether its program is not installed."""
        return self.needs is not None and tool(self.needs) is None


OURS = "ours"


def clients() -> list[Client]:
    """All rows; ours asks for links itself, the others are given one at each start.

    Ours is the product's transfer, in a retry loop of the benchmark's own.
    """
    return [
        Client(OURS, _ours),
        Client("curl -C - --retry 5", _curl, "curl"),
        Client("wget -c", _wget, "wget"),
        Client("aria2c -c -x4", _aria2c, "aria2c"),
        Client("requests, iter_content(8192)", _naive),
    ]


def _ours(task: Task) -> list[str]:
    return program("bring", task.api_url, task.media_url, task.recording_id, task.place)


def _curl(task: Task) -> list[str]:
    words = ["curl", "-sSf", "-C", "-", "--retry", "5", "-o", str(task.place)]
    return [*words, task.fresh_link()]


def _wget(task: Task) -> list[str]:
    return ["wget", "-q", "-c", "--tries=5", "-O", str(task.place), task.fresh_link()]


def _aria2c(task: Task) -> list[str]:
    place = (f"--dir={task.place.parent}", f"--out={task.place.name}")
    return ["aria2c", "-q", "-c", "-x4", "--no-conf", *place, task.fresh_link()]


def _naive(task: Task) -> list[str]:
    return program("naive", task.fresh_link(), task.place)
