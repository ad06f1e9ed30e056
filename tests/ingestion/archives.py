"""The archive compared with what the simulator served."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.stage import Stage


def manifest_of(stage: Stage, meeting_id: str) -> dict[str, Any]:
    """The manifest of a meeting, as it is on disk."""
    manifest: dict[str, Any] = json.loads((stage.place(meeting_id) / "manifest.json").read_text())
    return manifest


def differences(stage: Stage, meeting_id: str) -> list[str]:
    """What the archive lacks, has too much, or has wrong."""
    folder = stage.place(meeting_id)
    files = manifest_of(stage, meeting_id)["files"]
    stored = {(file.get("resource_id"), file["kind"]): file for file in files}
    wrong = []
    for true in stage.control.truth(meeting_id)["files"]:
        file = stored.get((true["resource_id"], true["kind"]))
        if file is None:
            wrong.append(f"missing: {true}")
        elif _sha256(folder / file["path"]) != true["sha256"]:
            wrong.append(f"differs: {file}")
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    told = {file["path"] for file in files} | {"manifest.json"}
    lies = [file["path"] for file in files if _sha256(folder / file["path"]) != file["sha256"]]
    return wrong + sorted(f"not told: {path}" for path in on_disk ^ told) + lies


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
