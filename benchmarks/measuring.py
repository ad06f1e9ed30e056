"""Processes of a benchmark: how they start and end, and what those that are measured cost."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MEASURE = ROOT / "benchmarks" / "programs" / "measure.py"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TIMED_OUT = -1
_END_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process, with its children, took from start to end.

    Of a program that tells what its loop cost, ``seconds`` and ``cpu_seconds`` are those of the
    loop, and ``start_seconds`` is what the whole process took besides.
    """

    exit_status: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    start_seconds: float = 0
    said: str = ""

    def shape(self) -> dict[str, float]:
        """The figures, without what was said: that may name places on this machine."""
        told = asdict(self)
        del told["said"]
        return told


def program(name: str, *arguments: object) -> list[str]:
    """The command that starts one of our own programs."""
    module = f"benchmarks.programs.{name}"
    return [sys.executable, "-m", module, *map(str, arguments)]


def tool(name: str) -> str | None:
    """Where a program is, also one for administrators; None where it is not installed."""
    places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return shutil.which(name, path=places)


def environment(certificate: Path | None = None) -> dict[str, str]:
    """Ours, without proxies, and with a certificate to trust."""
    kept = {key: value for key, value in os.environ.items() if key.lower() not in _PROXIES}
    trusted = {"REQUESTS_CA_BUNDLE": str(certificate)} if certificate else {}
    return kept | {"PYTHONPATH": str(ROOT)} | trusted


def measure(
    argv: Sequence[str], *, certificate: Path | None = None, longest_seconds: float = 600
) -> Cost:
    """Run a command to its end, or to that of its time."""
    launcher = [sys.executable, "-I", "-S", str(MEASURE), *argv]
    with subprocess.Popen(
        launcher,
        env=environment(certificate),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            told, said = process.communicate(timeout=longest_seconds)
        except subprocess.TimeoutExpired:
            end_group(process.pid)
            process.communicate()
            return Cost(_TIMED_OUT, longest_seconds, 0, 0, said="it took too long")
        except BaseException:
            end_group(process.pid)
            raise
    return _of_loop(json.loads(told), said.strip())


def _of_loop(told: dict[str, Any], said: str) -> Cost:
    cost = Cost(**told, said=said[-400:])
    *before, last = said.splitlines() or [""]
    if not last.startswith('{"loop_seconds"'):
        return cost
    loop = json.loads(last)
    return replace(
        cost,
        said="\n".join(before)[-400:],
        seconds=loop["loop_seconds"],
        cpu_seconds=loop["loop_cpu_seconds"],
        start_seconds=cost.seconds - loop["loop_seconds"],
    )


@contextmanager
def running(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while this lasts; what it prints can be read."""
    with subprocess.Popen(
        argv, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """What a server prints when it listens."""
    assert process.stdout is not None
    return process.stdout.readline()


def end_group(pid: int) -> None:
    """End a process that leads a session of its own, with its children, at once."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
