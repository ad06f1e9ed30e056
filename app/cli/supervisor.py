"""Run several programs as one: start them in order, restart what dies, stop all of them.

A program with a ``ready`` check is one that others lean on: the next programs start once it is
ready, and it is stopped only when they have gone. Every program has a session of its own, so a
Ctrl-C in the terminal reaches the supervisor alone; standard output and error are inherited.
"""

import contextlib
import http.client
import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import FrameType
from typing import Any, Protocol

from app.cli.children import Children
from app.errors import IngestError

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.05
NOT_STARTED = 127  # what a shell reports of a program that could not be started


class ProgramNotReady(IngestError):
    """A program that others lean on was not ready in time."""

    code = "program_not_ready"


class Log(Protocol):
    """The two calls of a structlog logger that the supervisor makes."""

    def info(self, event: str, **fields: Any) -> Any: ...

    def warning(self, event: str, **fields: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Program:
    """What to run; ``environment`` is added to our own."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop_seconds: float = 12
    stop_signal: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] | None = None


@dataclass(slots=True)
class _Running:
    """One program and its present process."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0
    restart_at: float | None = None
    restarts_in_a_row: int = 0
    exit_code: int | None = None

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class Supervisor:
    """Runs programs until it is told to stop."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        log: Log,
        ready_seconds: float = 30,
        total_stop_seconds: float = 30,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        self._everything = [_Running(program) for program in programs]
        self._log = log
        self._ready_seconds = ready_seconds
        self._total_stop_seconds = total_stop_seconds
        self._on_started = on_started
        self._children = Children()
        self._stop_requests = 0
        self._pipe: tuple[int, int] | None = None

    def run(self) -> None:
        """Start everything, call ``on_started``, and keep it running until SIGINT or SIGTERM.

        Belongs to the main thread. Raises ProgramNotReady, with everything stopped again.
        """
        with self._waking_at_signals(), contextlib.closing(self._children):
            try:
                self._start_all()
                if not self._stop_requests:
                    self._on_started()
                while not self._stop_requests:
                    self._wait(self._seconds_to_next_restart())
                    self._restart_ended()
            finally:
                self._stop_all()

    def stop(self) -> None:
        """Ask it to stop, from any thread; asked a second time it stops at once."""
        self._stop_requests += 1
        if self._pipe:
            os.write(self._pipe[1], b"s")

    # Starting

    def _start_all(self) -> None:
        for one in self._everything:
            if self._stop_requests:
                return
            self._start(one)
            if one.program.ready:
                self._wait_until_ready(one, one.program.ready)

    def _start(self, one: _Running) -> None:
        one.started_at, one.restart_at = time.monotonic(), None
        try:
            one.process = self._children.start(one.program.argv, one.program.environment)
        except OSError as error:
            one.exit_code = NOT_STARTED
            self._plan_restart(one, error=str(error))
            return
        self._log.info("program.started", name=one.program.name, pid=one.process.pid)

    def _wait_until_ready(self, one: _Running, ready: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not self._stop_requests:
            self._restart_ended()
            seconds = time.monotonic() - began
            if one.process and ready():
                self._log.info("program.ready", name=one.program.name, seconds=round(seconds, 2))
                return
            if seconds > self._ready_seconds:
                raise ProgramNotReady(
                    f"{one.program.name} was not ready within {self._ready_seconds:g} seconds"
                    f" (last exit code: {one.exit_code}). What it printed or logged says why."
                )
            self._wait(LOOK_AGAIN_SECONDS)

    # Restarting

    def _restart_ended(self) -> None:
        if self._stop_requests:
            return
        # Where no process can be started now, the next look tries again.
        with contextlib.suppress(OSError):
            self._children.keep_guarded()
        for one in self._everything:
            if one.ended():
                self._bury(one)
                self._plan_restart(one)
            elif one.restart_at and one.restart_at <= time.monotonic():
                self._start(one)

    def _plan_restart(self, one: _Running, **fields: str) -> None:
        now = time.monotonic()
        if now - one.started_at >= HEALTHY_SECONDS:
            one.restarts_in_a_row = 0
        delay_seconds = restart_delay_seconds(one.restarts_in_a_row)
        one.restarts_in_a_row += 1
        one.restart_at = now + delay_seconds
        self._log.warning(
            "program.exited",
            name=one.program.name,
            exit_code=one.exit_code,
            restarting_in_seconds=delay_seconds,
            **fields,
        )

    def _bury(self, one: _Running) -> None:
        if one.process:
            one.exit_code = one.process.returncode
            self._children.bury(one.process)
            one.process = None

    def _seconds_to_next_restart(self) -> float | None:
        moments = [one.restart_at for one in self._everything if one.restart_at]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    # Stopping

    def _stop_all(self) -> None:
        self._log.info("supervisor.stopping")
        last_moment = time.monotonic() + self._total_stop_seconds
        for together in _in_stop_order(self._everything):
            self._stop_together(together, last_moment)

    def _stop_together(self, together: Sequence[_Running], last_moment: float) -> None:
        began = time.monotonic()
        for one in together:
            if one.process and not one.ended():
                one.process.send_signal(one.program.stop_signal)
        while running := [one for one in together if one.process]:
            seconds = time.monotonic() - began
            for one in running:
                if one.ended():
                    self._report_stopped(one, seconds)
                elif self._too_late(one, seconds, last_moment):
                    self._kill(one)
            self._wait(LOOK_AGAIN_SECONDS)

    def _too_late(self, one: _Running, seconds: float, last_moment: float) -> bool:
        impatient = self._stop_requests > 1 or time.monotonic() > last_moment
        return impatient or seconds > one.program.stop_seconds

    def _report_stopped(self, one: _Running, seconds: float) -> None:
        self._bury(one)
        self._log.info(
            "program.stopped",
            name=one.program.name,
            exit_code=one.exit_code,
            seconds=round(seconds, 2),
        )

    def _kill(self, one: _Running) -> None:
        assert one.process is not None
        self._log.warning("program.killed", name=one.program.name)
        one.process.kill()
        # A process that the kernel cannot end (a dead network disk) must not hold up the rest.
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(5)
        self._bury(one)

    # Waiting

    @contextmanager
    def _waking_at_signals(self) -> Iterator[None]:
        """Let signals, the end of a child and stop() end the present wait."""
        reader, writer = self._pipe = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup wants it left alone
            numbers.append(signal.SIGHUP)
        handlers = {number: signal.signal(number, self._on_signal) for number in numbers}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        former_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            self._pipe = None
            signal.set_wakeup_fd(former_writer)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _wait(self, seconds: float | None) -> None:
        assert self._pipe is not None
        readable, _, _ = select.select([self._pipe[0]], [], [], seconds)
        if readable:
            os.read(self._pipe[0], 4096)


def restart_delay_seconds(restarts_in_a_row: int) -> float:
    """Return the wait before the next start: half a second, doubling, thirty seconds at most."""
    doublings = min(restarts_in_a_row, 16)
    return min(math.ldexp(FIRST_DELAY_SECONDS, doublings), LONGEST_DELAY_SECONDS)


def answers_http(host: str, port: int, path: str = "/livez", *, seconds: float = 1) -> bool:
    """Say whether a web server there answers 200, for the ``ready`` check of a program."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _in_stop_order(everything: Sequence[_Running]) -> list[list[_Running]]:
    """Reverse the start order; only what others lean on waits until they have gone."""
    order: list[list[_Running]] = [[]]
    for one in reversed(everything):
        if one.program.ready:
            order += [[one], []]
        else:
            order[-1].append(one)
    return order
