"""What the simulator's README says: the tour works, and its tables have all that there is."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import simulator
from simulator import Settings, Simulator
from simulator.answer_faults import AnswerFault
from simulator.api import create_api
from simulator.delivery import Courier
from simulator.events import Happenings
from simulator.holding import ExtrasOrder, MeetingOrder, RecordingOrder, TranscriptOrder
from simulator.scopes import Scopes, scopes_of
from simulator.settings import Identity
from simulator.timeline import Schedule
from simulator.world import World
from tests.processes import free_port

README = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")
CALL = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`")


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the commands of the tour print."""
    if shutil.which("curl") is None:
        pytest.skip("the tour is made of curl, which is not here")
    commands = README.partition("## A tour of two minutes")[2]
    commands = commands.partition("```bash\n")[2].partition("```")[0]
    with Simulator() as running:
        commands = commands.replace("http://127.0.0.1:8801/v1", running.api_url)
        commands = commands.replace("http://127.0.0.1:8801/_control", running.control_url)
        commands = commands.replace("8803", str(free_port()))
        run = subprocess.run(
            ["bash", "-eu", "-c", commands.replace("$door", "$door; wait")],
            cwd=tmp_path_factory.mktemp("tour"),
            env=os.environ | {"no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.stderr == ""
    return run.stdout


def test_the_tour_shows_a_meeting_before_and_after_it_can_be_read(tour: str) -> None:
    assert "The requested resource could not be found." in tour
    assert '"state": "ended"' in tour
    assert '"outcome": "delivered"' in tour
    assert re.search(r'^[0-9a-f]{40} \{.*"event": "ended"', tour, re.MULTILINE)


def test_the_tour_shows_every_resource_and_the_right_file(tour: str) -> None:
    for word in ("rec2", "vttDownloadLink", "Harriet Host", "notes"):
        assert word in tour
    checksum = re.search(r"^([0-9a-f]{64})  rec1\.mp4$", tour, re.MULTILINE)
    assert checksum is not None
    assert f'"sha256": "{checksum[1]}"' in tour


def test_the_tour_shows_faults_scopes_expiry_and_budgets(tour: str) -> None:
    assert "200\n503\n200\n503\n200\n503\n" in tour
    assert "is missing required scopes" in tour
    assert "requires a valid access token" in tour
    assert re.search(r"^Retry-After: \d+\s*$", tour, re.MULTILINE)


def test_every_call_is_in_the_table_with_its_scopes_and_no_other() -> None:
    told: dict[str, list[str]] = {}
    table = README.partition("| call | user | admin | compliance |")[2].partition("\n\n")[0]
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        told |= dict.fromkeys(CALL.findall(cells[0]), cells[1:])

    assert told.keys() == served()
    for call, cells in told.items():
        scopes = scopes_of(*call.split())
        if scopes is not None:
            assert cells == [_cell(way) for way in _ways(scopes)], call


def test_every_field_of_an_order_and_of_an_answer_fault_is_in_the_readme() -> None:
    models = (AnswerFault, Identity, MeetingOrder, RecordingOrder, TranscriptOrder, ExtrasOrder)

    fields = [name for model in models for name in model.model_fields]

    assert [name for name in fields if not re.search(rf'[`"]{name}[`"]', README)] == []


def served() -> set[str]:
    """Every call that the API serves, with its path below /v1."""
    world = World(Settings())
    schedule = Schedule(world)
    api = create_api(world, Happenings(world, schedule, Courier(world, schedule)))
    return {
        f"{method} {rule.rule.removeprefix('/v1')}"
        for rule in api.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def _ways(scopes: Scopes) -> list[str | None]:
    return [scopes.user, scopes.admin, scopes.compliance]


def _cell(way: str | None) -> str:
    return " ".join(f"`{word}`" for word in (way or "").split())
