"""The faults that every client meets, and what a right answer to each of them is."""

from dataclasses import dataclass
from typing import Any

OK = "OK"
RESUMES = "resumes"
RESTARTS = "restarts"
REFUSES = "refuses"
FAILS = "fails"
WRONG = "exit 0, wrong"

_MOST_OF_A_RESUME = 1.4
"""Of the file's size; who starts again after half or more of it gets at least 1.5 of it."""


@dataclass(frozen=True, slots=True)
class Column:
    """What happens to a download.

    ``faults`` are the simulator's. ``cuts`` when something of the file comes before it goes wrong,
    ``lies`` when the server says that all is well. A client that is ``killed`` is started again.
    ``right`` is what our row has to be.
    """

    name: str
    faults: tuple[str | dict[str, Any], ...]
    right: str
    cuts: bool = True
    lies: bool = False
    killed: bool = False


_NO_RANGE = {"kind": "video", "media": {"ignore_range": True}}

COLUMNS = (
    Column("cut at 60 %", ("cut_at_60_percent",), RESUMES),
    Column(
        "cut, no Range",
        (_NO_RANGE | {"after_fraction": 0.6}, _NO_RANGE | {"times": None}),
        RESTARTS,
    ),
    Column("short body, clean end", ("short_chunked",), RESTARTS, lies=True),
    Column("HTML with 200", ("html_with_200",), OK, cuts=False, lies=True),
    Column("429 first", ("busy_429_seconds",), OK, cuts=False),
    Column("link dies mid-file", ("link_dies_with_403",), RESUMES),
    Column("SIGKILL at half, rerun", (), RESUMES, killed=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a client ended: what it said, what is on the disk, what the server had to send."""

    exit_status: int
    is_right: bool
    served: float

    @property
    def ending(self) -> str:
        """How it ended, as a shell would tell it."""
        if self.exit_status < 0:
            return f"signal {-self.exit_status}"
        return f"exit {self.exit_status}"

    def verdict(self, column: Column) -> str:
        """The outcome in a word."""
        if self.exit_status:
            return REFUSES if column.lies else FAILS
        if not self.is_right:
            return WRONG
        if not column.cuts:
            return OK
        return RESUMES if self.served < _MOST_OF_A_RESUME else RESTARTS
