"""Looking at the stored files of a meeting while somebody waits for it."""

import threading
from dataclasses import dataclass, field

from app.ingestion.commands import row_ids
from app.ingestion.verify import verify
from app.ingestion.workbench import Workbench
from app.models.words import Verified

_MOST_BYTES = 2 * 1024**3
"""Of a meeting larger than this only the sizes are looked at."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Reads the files of one meeting at a time: other requests have threads to themselves."""

    bench: Workbench
    turn: threading.Lock = field(default_factory=threading.Lock)

    def look_at(self, meeting_id: str) -> Verified:
        """What was found; raises NotFound, ArchiveUnavailable, DatabaseUnavailable."""
        row_ids(self.bench, [meeting_id])
        if not self.turn.acquire(blocking=False):
            return Verified.BUSY
        try:
            return self._look_at(meeting_id)
        finally:
            self.turn.release()

    def _look_at(self, meeting_id: str) -> Verified:
        quick = list(verify(self.bench, [meeting_id]))
        is_small = sum(each.bytes for each in quick) <= _MOST_BYTES
        seen = list(verify(self.bench, [meeting_id], deep=True)) if is_small else []
        if any(each.findings for each in (*quick, *seen)):
            return Verified.DAMAGED
        return Verified.READ if is_small else Verified.THERE
