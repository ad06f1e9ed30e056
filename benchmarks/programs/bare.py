"""A part file that neither hashes nor flushes: what the rest of the loop costs."""

from pathlib import Path

from app.archive.part import Part


class BarePart(Part):
    """For benchmarks only: the product has no such switch."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._hash = _NoHash()  # type: ignore[assignment]  # as much of a hash as a part uses

    def _flush(self, size: int) -> None:
        self.synced = size


class _NoHash:
    def update(self, piece: bytes) -> None:
        """Do nothing with the piece."""

    def hexdigest(self) -> str:
        return ""
