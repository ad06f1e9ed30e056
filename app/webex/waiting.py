"""Waiting for an answer that may never come, without being held by it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from math import inf
from typing import TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.5


def waited(
    ask: Callable[[], T], look: Callable[[], None] = lambda: None, *, most_seconds: float = inf
) -> T:
    """Wait for an answer, and look up from waiting to see whether the work may go on.

    The question is left to a thread of its own: nothing else can end a wait for bytes. Raises
    what ``look`` raises, TimeoutError after ``most_seconds``, and what asking raised.
    """
    answer: Future[T] = Future()
    threading.Thread(target=_settle, args=(answer, ask), name="webex", daemon=True).start()
    until = time.monotonic() + most_seconds
    while not wait([answer], timeout=_LOOK_SECONDS).done:
        look()
        if time.monotonic() > until:
            raise TimeoutError
    return answer.result()


def _settle(answer: "Future[T]", ask: Callable[[], T]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:
        # Not lost: result() raises it again where somebody waits for the answer.
        answer.set_exception(error)
