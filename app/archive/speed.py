"""How fast bytes come, over the last seconds."""

from collections import deque


class Speedometer:
    """A moving average; told now and then how many bytes there are, and asked for the speed.

    Times are seconds of a clock that never goes back.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._notes: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """Forget what was before: another body comes."""
        self._notes.clear()

    def note(self, size: int, at: float) -> None:
        """Note how many bytes there are; fewer than before begins anew."""
        if self._notes and size < self._notes[-1][1]:
            self._notes.clear()
        self._notes.append((at, size))
        while len(self._notes) > 2 and self._notes[1][0] <= at - self._window_seconds:
            self._notes.popleft()

    @property
    def has_full_window(self) -> bool:
        """Whether it has looked for so long that the speed says something about the host."""
        return bool(self._notes) and self._notes[-1][0] - self._notes[0][0] >= self._window_seconds

    @property
    def bytes_per_second(self) -> int | None:
        """The average over the window; None before there are two notes."""
        if len(self._notes) < 2:
            return None
        (began, first), (ended, last) = self._notes[0], self._notes[-1]
        return int((last - first) / (ended - began)) if ended > began else None
