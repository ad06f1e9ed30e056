"""How far long work is: a bar on a terminal, now and then a plain line elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from app.cli.output import say
from app.ingestion.wording import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

_LINE_SECONDS = 10
_BAR_COLUMNS = 12


class Show(Protocol):
    """Takes how much of the whole is done, and words beside it."""

    def __call__(self, done: float, words: str = "") -> None:
        """Show it."""


def shows_bar(*, quiet: bool) -> bool:
    """Whether a bar can be drawn; ``quiet`` where programs read the answer.

    It is drawn on standard error, and not beside lines of ours.
    """
    can_draw = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return can_draw and (quiet or sys.stdout.isatty())


def shows_lines(*, quiet: bool) -> bool:
    """Whether people read lines instead of a bar."""
    return not quiet and not shows_bar(quiet=quiet)


@contextmanager
def progress(label: str, whole: float, *, quiet: bool, lines: bool = True) -> Iterator[Show]:
    """Show how far work is that takes long; ``lines`` is false where it tells lines of its own."""
    if shows_bar(quiet=quiet):
        with _bar(label) as bar:
            task = bar.add_task(label, total=max(whole, 1), said="0%")

            def show(done: float, words: str = "") -> None:
                bar.update(task, completed=done, said=_said(done, max(whole, 1), words))

            yield show
    elif lines and shows_lines(quiet=quiet):
        yield Lines(label, max(whole, 1)).show
    else:
        yield lambda _done, _words="": None


class Lines:
    """A line for work that goes on for longer than somebody would wonder."""

    def __init__(
        self, label: str, whole: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label, self._whole, self._clock = label, whole, clock
        self._next_at = clock() + _LINE_SECONDS

    def show(self, done: float, words: str = "") -> None:
        """Print how far it is, if that was not done just before."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + _LINE_SECONDS
            say(f"{self._label}: {_said(done, self._whole, words)}")


def _said(done: float, whole: float, words: str) -> str:
    # Only the end is 100.
    percent = 100 if done >= whole else min(99, int(100 * done / whole))
    return "  ".join(filter(None, [f"{percent}%", one_line(words)]))


def _bar(label: str) -> "Progress":
    # Few commands draw a bar, and none before it is known that there is a terminal.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    columns = [
        TextColumn(text, markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        for text in (label, "{task.fields[said]}")
    ]
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    # A line as wide as the terminal would move what comes after it on some.
    console.width -= 1
    before = columns[:1] if label else []
    return Progress(*before, BarColumn(bar_width=_BAR_COLUMNS), columns[1], console=console)
