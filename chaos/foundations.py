"""What an installation stands on, and how that is struck: the broker and either database."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.db.engine import Database
from app.db.schema import migrate
from tests.servers import PostgresServer, ValkeyServer

Blow = Callable[[], bool | None]
"""Strikes once; false where there was nothing to strike."""

Blows = dict[str, tuple[int, Blow]]
"""How a thing can be struck: by name, how often compared with others, and the blow itself."""

_DISTURBED_SECONDS = (2.0, 5.0)


class _Foundation(ABC):
    """A server or file that all processes lean on; one disturbance of it at a time."""

    url: str

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._disturbed: threading.Timer | None = None

    def blows(self) -> Blows:
        """How it can be struck; each blow waits until what was struck before works again."""
        return {
            name: (often, self._after_mending(blow))
            for name, (often, blow) in self._table().items()
        }

    def mend(self) -> None:
        """Wait until nothing disturbs it."""
        if self._disturbed is not None:
            self._disturbed.join()

    @abstractmethod
    def _table(self) -> Blows: ...

    def _after_mending(self, blow: Blow) -> Blow:
        def strike() -> bool | None:
            self.mend()
            return blow()

        return strike

    def _until_later(self, end: Callable[[], None]) -> None:
        self._disturbed = threading.Timer(self._chance.uniform(*_DISTURBED_SECONDS), end)
        self._disturbed.start()


class Broker(_Foundation):
    """A Valkey with its log on disk, as `serve` runs it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._server = ValkeyServer(persistent=True)
        self._server.start()
        self.url = self._server.url

    def _table(self) -> Blows:
        return {
            "kill broker": (3, self._kill),
            "freeze broker": (2, self._freeze),
            "flush broker": (3, self._server.flush),
        }

    def close(self) -> None:
        """Stop it for good."""
        self.mend()
        self._server.close()

    def _kill(self) -> None:
        self._server.kill()
        self._server.start()

    def _freeze(self) -> None:
        self._server.freeze()
        self._until_later(self._server.thaw)


class Sqlite(_Foundation):
    """One file; somebody else may hold it for a while, as a backup does."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        super().__init__(chance)
        self._place = folder / "webex-ingest.db"
        self.url = f"sqlite:///{self._place}"
        _migrate(self.url)

    def _table(self) -> Blows:
        return {"hold database": (4, self._hold)}

    def close(self) -> None:
        """Nobody is left who holds it."""
        self.mend()

    def _hold(self) -> bool:
        connection = sqlite3.connect(self._place, timeout=5, check_same_thread=False)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            connection.close()
            return False
        self._until_later(connection.close)
        return True


class Postgres(_Foundation):
    """A server of our own that flushes what it commits."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._server = PostgresServer(durable=True)
        self._server.start()
        self.url = self._server.create_database("chaos")
        _migrate(self.url)

    def _table(self) -> Blows:
        return {
            "kill database": (2, self._kill),
            "restart database": (2, self._restart),
            "kill database session": (2, self._kill_session),
            "freeze database": (2, self._freeze),
        }

    def close(self) -> None:
        """Stop it for good."""
        self.mend()
        self._server.close()

    def _kill(self) -> None:
        self._server.kill()
        self._server.start()

    def _restart(self) -> None:
        # On a busy machine its last checkpoint may take longer than anybody would wait.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.stop()
        self._kill()

    def _kill_session(self) -> None:
        sessions = psutil.Process(self._server.pid).children()
        os.kill(self._chance.choice(sessions).pid, signal.SIGKILL)

    def _freeze(self) -> None:
        server = psutil.Process(self._server.pid)
        frozen = [server, *server.children()]
        _signal(frozen, signal.SIGSTOP)
        self._until_later(lambda: _signal(frozen, signal.SIGCONT))


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


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
