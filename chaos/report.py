"""What a run has shown: every sentence is something that must not be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos import checks
from chaos.blows import Blows
from chaos.inventory import Inventory
from chaos.keeper import STOP_SECONDS
from chaos.traffic import Acknowledged, Served, acknowledged, served
from simulator import ControlClient

MOST_SERVED = 1.3
_OUR_FAULTS = ("ingest.fault", "event.fault")
_MOST_SENTENCES = 20


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a run, and what was wrong with it, by kind."""

    found: dict[str, list[str]]
    meetings: int
    acked: Acknowledged
    traffic: Served
    blows: Blows
    drain_seconds: float
    stop_seconds: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether nothing at all was wrong."""
        return not any(self.found.values())

    def sentences(self) -> list[str]:
        """What was wrong, for people; the first of each kind."""
        said = []
        for kind, sentences in self.found.items():
            said += [f"{kind}: {each}" for each in sentences[:_MOST_SENTENCES]]
        return said

    def figures(self) -> dict[str, Any]:
        """One flat object; times are seconds unless they say milliseconds."""
        return {
            "ok": self.passed,
            "meetings": self.meetings,
            "acked": self.acked.events,
            "acked_meetings": len(self.acked.meetings),
            **{kind: len(sentences) for kind, sentences in self.found.items()},
            "kills": self.blows.kills,
            "blows": dict(sorted(self.blows.counts.items())),
            "drain_seconds": round(self.drain_seconds, 1),
            "slowest_stop_seconds": round(max(self.stop_seconds.values(), default=0), 1),
            "ack_p50_ms": round(self.acked.p50_ms, 1),
            "ack_p99_ms": round(self.acked.p99_ms, 1),
            "bytes_of_files": self.traffic.needed,
            "served_ratio": round(self.traffic.ratio, 3),
            "again_after_faults_ratio": self._share(self.traffic.again_after_faults),
            "again_after_kills_ratio": self._share(self.traffic.again_after_kills),
            "broken_by_kills": self.traffic.broken_by_kills,
        }

    def _share(self, size: int) -> float:
        return round(size / self.traffic.needed, 3) if self.traffic.needed else 0.0


def check(
    *,
    held: Mapping[str, set[str]],
    control: ControlClient,
    inventory: Inventory,
    blows: Blows,
    drain_seconds: float,
    stop_seconds: Mapping[str, float],
    logs: Path,
) -> Report:
    """Compare what Webex said and served with what is there now."""
    deliveries, requests = control.deliveries(), control.requests(origin="media")
    for name, seen in (("deliveries", deliveries), ("requests", requests)):
        (logs / f"{name}.json").write_text(json.dumps(seen, indent=1))
    acked = acknowledged(deliveries, held)
    truths = [control.truth(each) for each in sorted(held) if each in inventory.complete]
    traffic = served(requests, _sizes(truths))
    slow = [f"{name} took {s:.1f} s" for name, s in stop_seconds.items() if s > STOP_SECONDS]
    found = {
        "hollow": _hollow(acked, blows),
        "lost": checks.lost(acked, inventory),
        "wrong": checks.wrong(truths, inventory),
        "doubled": checks.doubled(inventory),
        "stuck": checks.stuck(inventory),
        "orphans": inventory.parts,
        "disagreeing": checks.disagreeing(inventory),
        "wasted": _wasted(traffic),
        "slow_to_stop": slow,
        "faults_of_ours": _faults_in(logs),
    }
    return Report(found, len(held), acked, traffic, blows, drain_seconds, stop_seconds)


def _sizes(truths: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    files = [file for truth in truths for file in truth["files"]]
    return {
        (file["resource_id"], file["kind"]): file["bytes"]
        for file in files
        if file["resource"] == "recordings"
    }


def _hollow(acked: Acknowledged, blows: Blows) -> list[str]:
    """Why a run shows nothing: one in which nothing was told or struck has lost nothing either."""
    found = [] if acked.meetings else ["no meeting was acknowledged"]
    return found if blows.kills else [*found, "nothing was killed"]


def _wasted(traffic: Served) -> list[str]:
    if traffic.ratio <= MOST_SERVED:
        return []
    return [f"{traffic.ratio:.2f} times the bytes of the files were served without need"]


def _faults_in(folder: Path) -> list[str]:
    """What our own programs called a fault of ours in their logs."""
    found = []
    for log in sorted(folder.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if any(f'"{each}"' in line for each in _OUR_FAULTS):
                found.append(f"{log.stem}: {_told(line)}")
    return found


def _told(line: str) -> str:
    try:
        exception = str(json.loads(line).get("exception", ""))
    except ValueError:
        return line[-200:]
    return exception.strip().splitlines()[-1] if exception else line[-200:]
