"""What an installation has in the end, read from outside: rows, manifests and files."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

_MEETINGS = "SELECT meeting_id, folder, completed_at FROM meeting"
_FILES = (
    "SELECT m.meeting_id, f.path, f.kind, f.resource_id, f.bytes, f.sha256, f.file_version"
    " FROM file f JOIN meeting m ON m.id = f.meeting_row_id"
)
_UNSETTLED = (
    "SELECT m.meeting_id, i.resource, i.resource_id, i.state, i.reason, i.error_code, i.lost"
    " FROM ingest i JOIN meeting m ON m.id = i.meeting_row_id"
    " WHERE i.state NOT IN ('done', 'absent')"
)
_NEW_EVENTS = "SELECT count(*) FROM webhook_event WHERE outcome IS NULL"
_PUT_ASIDE = (
    "SELECT resource, event, data_id, outcome, error FROM webhook_event"
    " WHERE outcome IN ('quarantined', 'unresolved')"
)
_DELIVERIES = (
    "SELECT resource, event, data_id, sum(deliveries) AS deliveries FROM webhook_event"
    " GROUP BY resource, event, data_id"
)
_STALE = "SELECT count(*) FROM meeting WHERE manifest_revision < revision AND folder IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of it; files are mappings with path, kind, resource_id, bytes and sha256."""

    meetings: dict[str, Mapping[str, Any]]
    files: dict[str, list[Mapping[str, Any]]]
    unsettled: list[Mapping[str, Any]]
    new_events: int
    put_aside: list[Mapping[str, Any]]
    deliveries: dict[tuple[str, str, str], int]
    stale_manifests: int
    manifests: dict[str, dict[str, Any]]
    on_disk: dict[str, dict[str, str]] = field(repr=False)
    parts: list[str]

    @property
    def complete(self) -> set[str]:
        """The meetings that the rows call complete."""
        return {each for each, row in self.meetings.items() if row["completed_at"] is not None}


def settled(database_url: str) -> tuple[int, str]:
    """How much is still to be done, and a sentence about it."""
    with _Reader(database_url) as reader:
        unsettled, new = reader.rows(_UNSETTLED), reader.number(_NEW_EVENTS)
        stale = reader.number(_STALE)
    open_rows = sum(row["state"] != "failed" for row in unsettled)
    said = f"{open_rows} rows open, {new} events new, {stale} manifests old"
    return open_rows + new + stale, said


def take_inventory(database_url: str, archive: Path) -> Inventory:
    """Read everything, and make the checksum of every file."""
    with _Reader(database_url) as reader:
        meetings = {row["meeting_id"]: row for row in reader.rows(_MEETINGS)}
        files = defaultdict(list)
        for row in reader.rows(_FILES):
            files[row["meeting_id"]].append(row)
        unsettled = reader.rows(_UNSETTLED)
        new_events, stale = reader.number(_NEW_EVENTS), reader.number(_STALE)
        put_aside, events = reader.rows(_PUT_ASIDE), reader.rows(_DELIVERIES)
    folders = {name: archive / row["folder"] for name, row in meetings.items() if row["folder"]}
    manifests = {
        name: json.loads((folder / "manifest.json").read_text())
        for name, folder in folders.items()
        if (folder / "manifest.json").is_file()
    }
    return Inventory(
        meetings=meetings,
        files=dict(files),
        unsettled=unsettled,
        new_events=new_events,
        put_aside=put_aside,
        deliveries={
            (row["resource"], row["event"], row["data_id"]): row["deliveries"] for row in events
        },
        stale_manifests=stale,
        manifests=manifests,
        on_disk={name: _checksums(folder) for name, folder in folders.items()},
        parts=[str(path.relative_to(archive)) for path in archive.rglob("*.part")],
    )


def _checksums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".part" and path.name != "manifest.json"
    }


class _Reader:
    """Plain SQL, so that what is checked has no share in checking it."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def __enter__(self) -> "_Reader":
        self._connection = self._engine.connect()
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def rows(self, words: str) -> list[Mapping[str, Any]]:
        return [dict(row) for row in self._connection.execute(text(words)).mappings()]

    def number(self, words: str) -> int:
        return int(self._connection.execute(text(words)).scalar_one())
