"""A program that makes attempts in forked children, and kills each at another call.

Whatever is loaded on first use is loaded once, before the forks: a hundred deaths take seconds.
"""

import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.config import load_settings
from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.ingestion.workbench import Workbench
from app.models.tables import File, Ingest, Meeting
from app.models.words import State
from app.runtime import build_runtime
from simulator.client import ControlClient
from tests.ingestion.borders import Border, read_calls

LEASE_IS_OVER = timedelta(seconds=31)
ROUNDS = 4


@dataclass(frozen=True)
class World:
    """One database and one archive, and the row that is worked on."""

    folder: Path
    settings: dict[str, Any]
    ingest_id: int

    @property
    def archive(self) -> Path:
        """The archive's root."""
        return Path(self.settings["archive_dir"])

    def bench(self, now: Callable[[], datetime]) -> Workbench:
        """The tools of a worker."""
        return build_runtime(load_settings(**self.settings), clock=now).bench


class Plan:
    """What the test asks for, from a file."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._settings: dict[str, Any] = told["settings"]
        self._folder = Path(told["folder"])
        self.template = Path(told["template"]) if told["template"] else None
        self.ingest_ids: list[int] = told["ingest_ids"]
        self._since: str = told["since"]
        self.now = datetime.fromisoformat(told["now"])
        self.control = ControlClient(told["control_url"])

    def worth_dying_at(self, labels: list[str]) -> list[str]:
        """Every call that was asked for, but of a file's pieces only the first and the third."""
        since = next(number for number, each in enumerate(labels) if re.match(self._since, each))
        return [each for each in labels[since:] if not re.match("pwrite.*#(2|[4-9]|..+)$", each)]

    def world(self, name: str) -> World:
        """A copy of the template, or the one world with the next of the rows."""
        folder = self._folder / name
        if self.template is None:
            folder.mkdir(parents=True)
            return World(folder, self._settings, self.ingest_ids.pop(0))
        shutil.copytree(self.template, folder)
        settings = self._settings | {
            "database_url": f"sqlite:///{folder / 'webex-ingest.db'}",
            "archive_dir": str(folder / "archive"),
        }
        return World(folder, settings, self.ingest_ids[0])


def main(plan: Plan) -> None:
    """Attempt the work once to the end, then once for each call that was seen."""
    whole = plan.world("whole")
    assert in_child(attempt, whole, plan.now, "") == 0
    labels = plan.worth_dying_at([call["label"] for call in read_calls(whole.folder / "calls")])
    if plan.template is not None:
        recover(plan.world("warm"), plan.now)
    for number, deadly in enumerate([[each] for each in labels] + dying_twice(labels)):
        tell(plan, plan.world(f"{number:03}"), deadly)
    sys.stdout.write("the end\n")


def dying_twice(labels: list[str]) -> list[list[str]]:
    """Before the row knows of a new part; and again with that part left, and all but done."""
    begun = [after for each, after in pairwise(labels) if "open" in each and ".mp4" in each]
    ending = [each for each in labels if "open" in each and "manifest" in each]
    return [[*begun, *ending]] if begun else []


def tell(plan: Plan, world: World, deadly: list[str]) -> None:
    """Die, let others go on, and print what came of it."""
    plan.control.forget_requests()
    moments = [plan.now + count * LEASE_IS_OVER for count in range(len(deadly))]
    dying = zip(moments, deadly, strict=True)
    told: dict[str, Any] = {"deadly": deadly, "folder": str(world.folder)}
    told["signals"] = [in_child(attempt, world, *each) for each in dying]
    renamed = [Path(call["target"]) for call in read_calls(world.folder / "calls")]
    told["named"] = [path.name for path in renamed if path.is_file()]
    assert in_child(recover, world, moments[-1]) == 0
    told["media"] = plan.control.requests(origin="media")
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def attempt(world: World, now: datetime, deadly: str) -> None:
    """Make one attempt, to its end or to its death."""
    Border(world.archive, world.folder / "calls", deadly).watch()
    assert run_ingest(world.bench(lambda: now), world.ingest_id)


def recover(world: World, now: datetime) -> None:
    """Work as others would when the lease is over, and write down what the rows say then."""
    if world.folder.name != "warm":
        Border(world.archive, world.folder / "recovery").watch()
    bench = world.bench(lambda: now)
    for _ in range(ROUNDS):
        now += LEASE_IS_OVER
        sweep(bench)
        run_ingest(bench, world.ingest_id)
        with bench.database.reading() as session:
            ingest = session.get_one(Ingest, world.ingest_id)
            meeting = session.get_one(Meeting, ingest.meeting_row_id)
            files = session.scalars(select(File).where(col(File.meeting_row_id) == meeting.id))
            told = [[each.path, each.bytes, each.sha256] for each in files]
        if ingest.state == State.DONE and meeting.manifest_revision == meeting.revision:
            break
    (world.folder / "rows.json").write_text(json.dumps({"files": told, "state": ingest.state}))
    bench.database.dispose()


def in_child(work: Callable[..., None], *told: Any) -> int:
    """Do something in a forked child; by which signal it died, 0 if it lived."""
    pid = os.fork()
    if not pid:
        try:
            work(*told)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "a child failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


if __name__ == "__main__":
    main(Plan(json.loads(Path(sys.argv[1]).read_text())))
