"""What an installation stands on, and how that is struck: the broker and either database."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil

from app.db.engine import Database
from app.db.schema import migrate
from tests.servers import PostgresServer, ValkeyServer

Blow = Callable[[], bool | None]
"""Strikes once; false where there was nothing to strike."""

_FREEZE_SECONDS = (2.0, 5.0)


class Foundation(Protocol):
    """A server or file that all processes lean on."""

    url: str

    def blows(self) -> dict[str, tuple[int, Blow]]:
        """How it can be struck: by name, how often compared with others, and the blow itself."""

    def mend(self) -> None:
        """Let it work undisturbed again."""


class Broker:
    """A Valkey with its log on disk, as `serve` runs it."""

    def __init__(self, chance: random.Random) -> None:
        self._server = ValkeyServer(persistent=True)
        self._chance = chance
        self._thaw: threading.Timer | None = None
        self._server.start()
        self.url = self._server.url

    def blows(self) -> dict[str, tuple[int, Blow]]:
        """Kill, freeze, forget everything."""
        return {
            "kill broker": (3, self._kill),
            "freeze broker": (2, self._freeze),
            "flush broker": (3, self._flush),
        }

    def mend(self) -> None:
        """Let it answer again."""
        if self._thaw is not None:
            self._thaw.join()

    def close(self) -> None:
        """Stop it for good."""
        self.mend()
        self._server.close()

    def _kill(self) -> None:
        self.mend()
        self._server.kill()
        self._server.start()

    def _flush(self) -> None:
        self.mend()
        self._server.flush()

    def _freeze(self) -> None:
        self.mend()
        self._server.freeze()
        self._thaw = _later(self._chance.uniform(*_FREEZE_SECONDS), self._server.thaw)


class Sqlite:
    """One file; somebody else may hold it for a while, as a backup does."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._place = folder / "webex-ingest.db"
        self.url = f"sqlite:///{self._place}"
        self._chance = chance
        self._holding: threading.Thread | None = None
        _migrate(self.url)

    def blows(self) -> dict[str, tuple[int, Blow]]:
        """Hold the file's write lock."""
        return {"hold database": (4, self._hold)}

    def mend(self) -> None:
        """Wait until nobody holds it."""
        if self._holding is not None:
            self._holding.join()

    def close(self) -> None:
        """Nothing is left running."""
        self.mend()

    def _hold(self) -> None:
        self.mend()
        seconds = self._chance.uniform(*_FREEZE_SECONDS)
        self._holding = threading.Thread(target=self._hold_for, args=(seconds,))
        self._holding.start()

    def _hold_for(self, seconds: float) -> None:
        with contextlib.closing(sqlite3.connect(self._place, timeout=5)) as connection:
            # Whoever comes too late for the lock strikes nothing.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE")
            threading.Event().wait(seconds)
            connection.rollback()


class Postgres:
    """A server of our own that flushes what it commits."""

    def __init__(self, chance: random.Random) -> None:
        self._server = PostgresServer(durable=True)
        self._chance = chance
        self._thaw: threading.Timer | None = None
        self._server.start()
        self.url = self._server.create_database("chaos")
        _migrate(self.url)

    def blows(self) -> dict[str, tuple[int, Blow]]:
        """Kill or restart the server, kill one of its sessions, freeze all of it."""
        return {
            "kill database": (2, self._kill),
            "restart database": (2, self._restart),
            "kill database session": (2, self._kill_session),
            "freeze database": (2, self._freeze),
        }

    def mend(self) -> None:
        """Let it answer again."""
        if self._thaw is not None:
            self._thaw.join()

    def close(self) -> None:
        """Stop it for good."""
        self.mend()
        self._server.close()

    def _kill(self) -> None:
        self.mend()
        self._server.kill()
        self._server.start()

    def _restart(self) -> None:
        self.mend()
        # On a busy machine its last checkpoint may take longer than anybody would wait.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.stop()
        self._server.kill()
        self._server.start()

    def _kill_session(self) -> None:
        self.mend()
        sessions = psutil.Process(self._server.pid).children()
        os.kill(self._chance.choice(sessions).pid, signal.SIGKILL)

    def _freeze(self) -> None:
        self.mend()
        server = psutil.Process(self._server.pid)
        frozen = [server, *server.children()]
        _signal(frozen, signal.SIGSTOP)
        seconds = self._chance.uniform(*_FREEZE_SECONDS)
        self._thaw = _later(seconds, lambda: _signal(frozen, signal.SIGCONT))


@contextmanager
def foundations(
    kind: str, folder: Path, chance: random.Random
) -> Iterator[tuple[Sqlite | Postgres, Broker]]:
    """A migrated database of this kind, and a broker, while this lasts."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(contextlib.closing(Broker(chance)))
        made = Postgres(chance) if kind == "postgres" else Sqlite(folder, chance)
        yield stack.enter_context(contextlib.closing(made)), broker


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.dispose()


def _later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
