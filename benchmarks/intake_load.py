"""Load for a door: signed events that are all different, and what came back."""

import json
import subprocess
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from app.webex.signature import sign
from benchmarks.measuring import ROOT, environment, program, tool

SECRET = "a-webhook-secret-for-benchmarks"  # noqa: S105 -- of a door that lives for minutes
POST_LUA = ROOT / "benchmarks" / "programs" / "post.lua"
MOST_PER_SECOND = 6000
_LATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of one number of clients against one door brought."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def per_second(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds

    def shape(self) -> dict[str, float]:
        """The figures for JSON."""
        return asdict(self)


class Generator:
    """Posts events of a file; each run begins behind the one before, until all were used."""

    def __init__(self, folder: Path, *, seconds: int, runs: int) -> None:
        self._seconds = seconds
        self._count = MOST_PER_SECOND * seconds
        self._all = self._count * max(1, min(runs, 8))
        self._first = 0
        self._file = folder / "events.txt"
        with self._file.open("w") as file:
            file.writelines(_line(number) for number in range(self._all))

    @property
    def name(self) -> str:
        """What generates the load."""
        return "wrk" if tool("wrk") else "our own generator"

    def run(self, port: int, clients: int) -> Load:
        """Post for the seconds of one run."""
        argv = self._wrk(port, clients) if tool("wrk") else self._ours(port, clients)
        self._first = (self._first + self._count) % self._all
        done = subprocess.run(
            argv,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self._seconds + _LATE_SECONDS,
            check=True,
            text=True,
        )
        return Load(**json.loads(done.stdout.splitlines()[-1]))

    def _wrk(self, port: int, clients: int) -> list[str]:
        threads = min(2, clients)
        options = [f"-t{threads}", f"-c{clients}", f"-d{self._seconds}s", "--timeout", "10s"]
        script = ["-s", str(POST_LUA), f"http://127.0.0.1:{port}", "--", str(self._file)]
        return ["wrk", *options, *script, str(self._first), str(self._count), str(threads)]

    def _ours(self, port: int, clients: int) -> list[str]:
        where = (self._file, self._first, self._count)
        return program("load", port, clients, self._seconds, *where)


def _line(number: int) -> str:
    body = json.dumps(
        {
            "id": "Y2lzY29zcGFyazovL3VzL1dFQkhPT0svOTZh",
            "name": "webex-ingest meetings ended",
            "targetUrl": "https://ingest.example.com/webhooks/webex",
            "resource": "meetings",
            "event": "ended",
            "orgId": "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8xZWI2",
            "createdBy": "Y2lzY29zcGFyazovL3VzL1BFT1BMRS8xZjdk",
            "ownedBy": "creator",
            "status": "active",
            "actorId": "Y2lzY29zcGFyazovL3VzL1BFT1BMRS8xZjdk",
            "data": {
                "id": f"{uuid.uuid4().hex}_I_{number}",
                "meetingSeriesId": uuid.uuid4().hex,
                "meetingType": "meeting",
                "title": "Weekly lecture",
                "start": "2026-03-02T09:00:00Z",
                "end": "2026-03-02T10:00:00Z",
                "hostEmail": "lecturer@example.com",
                "siteUrl": "example.webex.com",
                "state": "ended",
                "webLink": "https://example.webex.com/example/j.php?MTID=m1",
            },
        }
    )
    return f"{sign(body.encode(), SECRET)}\t{body}\n"


def busy_writer(url: str, seconds: float) -> "subprocess.Popen[str]":
    """Start a process that writes to the database all the time."""
    argv = [sys.executable, "-m", "benchmarks.programs.busy_writer", url, str(seconds)]
    return subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True)
