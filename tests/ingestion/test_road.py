"""The main job: a meeting ends, and everything of it is on disk."""

import hashlib
import json
from pathlib import Path

from tests.stage import Stage


def test_a_meeting_is_complete_with_every_file_as_the_simulator_served_it(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(recordings=2, transcripts=1, participant_count=3)["meeting_id"]

    stage.advance(10)
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def differences(stage: Stage, meeting_id: str) -> list[str]:
    """What the archive lacks, has too much, or has wrong, against what the simulator served."""
    folder = stage.place(meeting_id)
    manifest = json.loads((folder / "manifest.json").read_text())
    stored = {
        (file["resource_id"], file["kind"]): file
        for file in manifest["files"]
        if "resource_id" in file
    }
    wrong = []
    for true in stage.control.truth(meeting_id)["files"]:
        file = stored.get((true["resource_id"], true["kind"]))
        if file is None:
            wrong.append(f"missing: {true}")
        elif _sha256(folder / file["path"]) != true["sha256"] or file["sha256"] != true["sha256"]:
            wrong.append(f"wrong: {file}")
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    told = {file["path"] for file in manifest["files"]} | {"manifest.json"}
    return wrong + sorted(f"not told: {path}" for path in on_disk ^ told)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
