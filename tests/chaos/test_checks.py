"""The checks of chaos see what they are there to see."""

from dataclasses import replace
from typing import Any

import pytest

from chaos import checks
from chaos.inventory import Inventory
from chaos.traffic import Acknowledged

TRUTH = {
    "meeting_id": "m1",
    "files": [{"resource_id": "r1", "kind": "video", "sha256": "aa"}],
}
FILE = {
    "path": "recordings/r1.mp4",
    "kind": "video",
    "resource_id": "r1",
    "bytes": 9,
    "sha256": "aa",
    "file_version": 1,
}
FAILED = {
    "meeting_id": "m1",
    "resource": "recordings",
    "resource_id": "r1",
    "state": "failed",
    "error_code": "worker_lost",
}


ACKED = Acknowledged(2, {"m1"}, {("meetings", "ended", "m1"): 2}, 1.0, 1.0)


def inventory(**changes: Any) -> Inventory:
    """All is well, but for what is changed."""
    good = Inventory(
        meetings={"m1": {"meeting_id": "m1", "folder": "f", "completed_at": "2026-03-02"}},
        files={"m1": [FILE]},
        unsettled=[],
        new_events=0,
        put_aside=[],
        deliveries={("meetings", "ended", "m1"): 2},
        stale_manifests=0,
        manifests={"m1": {"complete": True, "files": [FILE]}},
        on_disk={"m1": {"recordings/r1.mp4": "aa"}},
        parts=[],
    )
    return replace(good, **changes)


def all_found(seen: Inventory) -> dict[str, list[str]]:
    return {
        "lost": checks.lost(ACKED, seen),
        "wrong": checks.wrong([TRUTH], seen),
        "doubled": checks.doubled(seen),
        "stuck": checks.stuck(seen),
        "disagreeing": checks.disagreeing(seen),
    }


def test_where_all_is_well_nothing_is_found() -> None:
    assert not any(all_found(inventory()).values())


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("lost", {"meetings": {}}, "m1 was acknowledged"),
        (
            "lost",
            {"meetings": {"m1": {"meeting_id": "m1", "folder": "f", "completed_at": None}}},
            "not complete",
        ),
        ("wrong", {"on_disk": {"m1": {"recordings/r1.mp4": "bb"}}}, "video of r1"),
        ("wrong", {"on_disk": {"m1": {}}}, "video of r1"),
        ("wrong", {"files": {}}, "video of r1"),
        ("doubled", {"files": {"m1": [FILE, FILE | {"path": "recordings/r1.v2.mp4"}]}}, "2 times"),
        ("stuck", {"unsettled": [FAILED]}, "worker_lost"),
        ("lost", {"deliveries": {("meetings", "ended", "m1"): 1}}, "stored 1 times"),
        ("stuck", {"put_aside": [{"outcome": "quarantined"}]}, "quarantined"),
        ("stuck", {"new_events": 2}, "2 events"),
        ("stuck", {"stale_manifests": 1}, "1 manifests"),
        ("disagreeing", {"manifests": {}}, "not the same"),
        ("disagreeing", {"manifests": {"m1": {"complete": False, "files": [FILE]}}}, "disagree"),
        (
            "disagreeing",
            {"on_disk": {"m1": {"recordings/r1.mp4": "aa", "recordings/stranger": "cc"}}},
            "not the same",
        ),
    ],
)
def test_what_must_not_be_is_found(kind: str, changes: dict[str, Any], words: str) -> None:
    sentences = all_found(inventory(**changes))[kind]

    assert any(words in each for each in sentences)
