"""Progress: a bar where it can be drawn, a line now and then where it is read, else nothing."""

import fcntl
import io
import os
import pty
import re
import struct
import termios

import pytest
from rich.cells import cell_len

from app.cli.progress import Lines, progress, shows_bar, shows_lines
from tests.cli.test_output import HOSTILE


class Screen(io.TextIOWrapper):
    """A terminal of our own, and what is drawn on it."""

    def __init__(self, columns: int) -> None:
        self._master, line = pty.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        super().__init__(os.fdopen(line, "wb"), encoding="utf-8", write_through=True)

    def drawn(self) -> str:
        """Everything so far; nothing is drawn afterwards."""
        self.close()
        said = b""
        while True:
            try:
                more = os.read(self._master, 65536)
            except OSError:  # Linux says so when nobody has the other end open any more
                os.close(self._master)
                return said.decode()
            said += more


def on_screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of forty columns, on which both outputs are seen from now on."""
    screen = Screen(40)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("sys.stderr", screen)
    return screen


def test_a_bar_is_one_line_that_fits_and_obeys_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = on_screen(monkeypatch)
    with progress("Verifying", 200, quiet=False) as show:
        show(90, f"{HOSTILE} and much more of it")
        show(199.9)
        show(200)

    drawn = screen.drawn()
    shown = [re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", each) for each in drawn.strip().split("\r")]
    assert max(map(cell_len, shown)) < 40
    assert not any("\n" in each.strip() for each in shown)
    assert "\x1b[2J" not in drawn
    assert "\u202e" not in drawn
    assert "100%" in drawn
    assert drawn.endswith("\x1b[?25h"), "the cursor is there again"


def test_no_colour_is_used_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")

    with progress("Verifying", 2, quiet=False) as show:
        show(1)

    assert re.findall(r"\x1b\[[\d;]*m", screen.drawn()) == []


def test_where_a_bar_is_drawn_and_where_lines_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)

    def shown() -> list[tuple[bool, bool]]:
        return [(shows_bar(quiet=quiet), shows_lines(quiet=quiet)) for quiet in (False, True)]

    on_terminal = shown()
    monkeypatch.setenv("TERM", "dumb")
    on_dumb_terminal = shown()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    into_a_file = shown()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    without_a_terminal = shown()
    screen.drawn()

    nothing, bar, lines = (False, False), (True, False), (False, True)
    assert on_terminal == [bar, bar]
    assert on_dumb_terminal == [lines, nothing]
    assert into_a_file == [lines, bar]
    assert without_a_terminal == [lines, nothing]


def test_elsewhere_a_line_is_printed_once_in_ten_seconds_and_never_100_before_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter((100, 101, 110, 111, 125, 140))
    lines = Lines("Verifying", 1000, clock=lambda: next(times))

    for done in (10, 500, 510, 999, 1000):
        lines.show(done, "of 9.1 GiB")

    assert capsys.readouterr().out.splitlines() == [
        "Verifying: 50%  of 9.1 GiB",
        "Verifying: 99%  of 9.1 GiB",
        "Verifying: 100%  of 9.1 GiB",
    ]
