"""The door's way into the inbox: one thread commits all deliveries that wait, together."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from queue import Empty, SimpleQueue

from app.db.engine import BUSY_SECONDS, Database
from app.db.inbox import Delivery, store_deliveries
from app.db.plain import PlainConnection
from app.errors import DatabaseUnavailable

MOST_AT_ONCE = 200
_LINGER_SECONDS = 0.001
"""How long a commit waits for company where the one before had some."""

_LOCK_CONFLICTS = {"40P01", "55P03"}
"""Postgres's codes for a deadlock and for waiting too long for a locked row."""

Store = Callable[[Sequence[Delivery]], None]
Turn = Callable[[], AbstractContextManager[object]]


class Intake:
    """Commits deliveries for any number of threads; one flush to disk serves all that wait.

    Each process has a writer of its own, made on first use, since neither threads nor
    connections survive a fork. A database that hangs holds the writer and nobody else.
    """

    def __init__(self, database: Database, *, seconds: float = BUSY_SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._writers: dict[int, _Writer] = {}

    def take(self, delivery: Delivery) -> None:
        """Return when the delivery is committed; raises DatabaseUnavailable within five seconds.

        A delivery that was given up on may be committed later all the same: Webex sends it
        once more, and that counts it up.
        """
        pid = os.getpid()
        writer = self._writers.get(pid) or self._writers.setdefault(pid, self._make_writer())
        writer.take(delivery)

    def _make_writer(self) -> "_Writer":
        store = partial(store_deliveries, PlainConnection(self._database))
        return _Writer(store, self._database.writers_turn, seconds=self._seconds)


class _Waiting:
    """One delivery, and the thread that waits for it."""

    __slots__ = ("_ended", "delivery", "error", "given_up")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.error: BaseException | None = None
        self.given_up = False
        self._ended = threading.Lock()
        self._ended.acquire()

    def end(self, error: BaseException | None = None) -> None:
        self.error = error
        self._ended.release()

    def wait(self, seconds: float) -> bool:
        self.given_up = not self._ended.acquire(timeout=seconds)
        return not self.given_up


class _Writer:
    def __init__(self, store: Store, turn: Turn, *, seconds: float) -> None:
        self._store = store
        self._turn = turn
        self._seconds = seconds
        self._queue: SimpleQueue[_Waiting] = SimpleQueue()
        self._busy_since: float | None = None
        self._is_away = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, delivery: Delivery) -> None:
        # Who comes while the database is away has waited for a thread already, behind others
        # who found that out; it need not be found out once more.
        patience = self._seconds / 10 if self._is_away else self._seconds
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > patience:
            raise self._hangs()
        if self._thread is None:
            self._start()
        waiting = _Waiting(delivery)
        self._queue.put(waiting)
        if not waiting.wait(patience):
            self._is_away = True
            raise self._hangs()
        if isinstance(waiting.error, DatabaseUnavailable):
            # One error ends many deliveries, and each thread would add its own trace to it.
            raise DatabaseUnavailable(str(waiting.error)) from waiting.error
        if waiting.error is not None:
            raise waiting.error

    def _hangs(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"no commit within {self._seconds:g} s")

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="intake", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        batch: list[_Waiting] = []
        while True:
            had_company = len(batch) > 1
            self._busy_since = None
            batch = [self._queue.get()]
            self._busy_since = time.monotonic()
            if had_company:
                time.sleep(_LINGER_SECONDS)
            with ExitStack() as stack:
                try:
                    stack.enter_context(self._turn())
                except Exception as error:
                    self._is_away = True
                    self._gather(batch)
                    for each in batch:
                        each.end(error)
                    continue
                # What has come while others wrote goes with it: a flush costs the most.
                self._gather(batch)
                self._commit([each for each in batch if not each.given_up])

    def _gather(self, batch: list[_Waiting]) -> None:
        with suppress(Empty):
            while len(batch) < MOST_AT_ONCE:
                batch.append(self._queue.get_nowait())

    def _commit(self, batch: list[_Waiting]) -> None:
        """Commit the deliveries together, or each alone if one of them spoils it for the others."""
        if not batch:
            return
        try:
            self._store([each.delivery for each in batch])
        except BaseException as error:
            is_due_to_one_row = _is_due_to_one_row(error)
            self._is_away = not is_due_to_one_row
            if len(batch) == 1 or not is_due_to_one_row:
                for each in batch:
                    each.end(error)
                return
        else:
            self._is_away = False
            for each in batch:
                each.end()
            return
        for each in batch:
            self._commit([each] if not each.given_up else [])


def _is_due_to_one_row(error: BaseException) -> bool:
    """Whether the database is well and one row is not: its values, or somebody who holds it."""
    if isinstance(error, DatabaseUnavailable):
        return getattr(error.__cause__, "sqlstate", None) in _LOCK_CONFLICTS
    return isinstance(error, Exception)
