"""Counts of what happens too often to be written each time: kept in memory, written in batches."""

import atexit
import os
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.db.engine import Database
from app.db.tallies import Happening, Key, add_tallies
from app.errors import DatabaseUnavailable

FLUSH_SECONDS = 2
"""What happened within so long is lost with a process that is killed."""


class Counts:
    """What happened in this process and is not written yet.

    Only what is written is ever told, so all processes tell the same. While the database is away
    the counts wait. Each process has its own: none is written twice because of a fork.
    """

    def __init__(self, database: Database, *, seconds: float = FLUSH_SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._is_kept = False
        self._pending: dict[int, _Pending] = {}

    def add(
        self, what: Happening, word: str, detail: str = "", *, number: int = 1, amount: int = 0
    ) -> None:
        """Count something; takes a microsecond, and waits for no database."""
        pid = os.getpid()
        pending = self._pending.get(pid) or self._pending.setdefault(pid, _Pending())
        pending.add((what, word, detail), number, amount)
        if self._is_kept and not pending.is_kept and pending.take_on():
            atexit.register(self.flush_if_possible)
            threading.Thread(target=self._keep, name="counts", daemon=True).start()

    def keep(self) -> None:
        """Let a thread write them from the next one on, in each process that counts.

        Whoever does without it calls ``flush`` at its end.
        """
        self._is_kept = True

    def flush(self) -> None:
        """Write what has happened until now; raises DatabaseUnavailable, and keeps it."""
        pending = self._pending.get(os.getpid())
        taken = pending.take() if pending else {}
        if not pending or not taken:
            return
        try:
            with self._database.transaction() as session:
                add_tallies(session, {key: (each[0], each[1]) for key, each in taken.items()})
        except BaseException:
            for key, (number, amount) in taken.items():
                pending.add(key, number, amount)
            raise

    def flush_if_possible(self) -> None:
        """The same, where nobody could do anything about a failure; the next one writes it."""
        with suppress(DatabaseUnavailable, SQLAlchemyError):
            self.flush()

    def _keep(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._seconds):
            self.flush_if_possible()


@dataclass(frozen=True, slots=True)
class AccountMeter:
    """Counts what an account is answered, and for how long its gate is closed."""

    counts: Counts
    account: str

    def answered(self, status: int | None) -> None:
        """Count a request; without a status nobody has answered it."""
        word = "none" if status is None else str(status) if 100 <= status <= 599 else "other"
        self.counts.add(Happening.API_REQUEST, word, self.account)

    def closed(self, seconds: float) -> None:
        """Count so many more seconds in which nobody may pass."""
        self.counts.add(Happening.GATE_CLOSED, self.account, amount=round(seconds * 1000))


class _Pending:
    """The counts of one process."""

    def __init__(self) -> None:
        self.is_kept = False
        self._turn = threading.Lock()
        self._counts: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, key: Key, number: int, amount: int) -> None:
        with self._turn:
            both = self._counts[key]
            both[0] += number
            both[1] += amount

    def take(self) -> dict[Key, list[int]]:
        with self._turn:
            taken = dict(self._counts)
            self._counts.clear()
        return taken

    def take_on(self) -> bool:
        """Whether the caller is the one to see to them."""
        with self._turn:
            is_first, self.is_kept = not self.is_kept, True
        return is_first
