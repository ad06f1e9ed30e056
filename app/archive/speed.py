"""How fast bytes come, over the last seconds."""

from collections import deque


class Speedometer:
    """A moving average; told now and then how many bytes there are, and asked for the speed.

    Times are seconds of a clock that never goes back. One thread notes; another one may begin
    anew meanwhile, which puts a new list in place and touches no old one.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._notes: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """Forget what was before: another body comes."""
        self._notes = deque()

    def note(self, size: int, at: float) -> None:
        """Note how many bytes there are; fewer than before begins anew."""
        notes = self._notes
        if notes and size < notes[-1][1]:
            notes.clear()
        notes.append((at, size))
        while len(notes) > 2 and notes[1][0] <= at - self._window_seconds:
            notes.popleft()

    @property
    def has_full_window(self) -> bool:
        """Whether it has looked for so long that the speed says something about the host."""
        notes = self._notes
        return bool(notes) and notes[-1][0] - notes[0][0] >= self._window_seconds

    @property
    def bytes_per_second(self) -> int | None:
        """The average over the window; None before there are two notes."""
        notes = self._notes
        if len(notes) < 2:
            return None
        (began, first), (ended, last) = notes[0], notes[-1]
        return int((last - first) / (ended - began)) if ended > began else None
