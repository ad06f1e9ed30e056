"""The benchmarks run to their end with tiny sizes; how fast anything is decides nothing here."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from app.cli.programs import web_program
from benchmarks.contenders import Download, ours
from benchmarks.fault_columns import COLUMNS, Outcome
from benchmarks.faults import cell
from benchmarks.figures import Bar, Spread, interleaved, spread
from benchmarks.intake_load import Generator
from benchmarks.measuring import measure
from benchmarks.media_files import write_mp4
from benchmarks.serving import served
from tests.processes import eventually, free_port, spawn

ROOT = Path(__file__).parents[1]
SECONDS = 120


def test_the_transfer_benchmark_prints_and_writes_its_tables(tmp_path: Path) -> None:
    printed, written = run("transfer", tmp_path, "--mib", "1", "--rounds", "1", "--files", "4")

    titles = [section["title"] for section in written["sections"]]
    assert titles == [
        "One file of 1 MiB over HTTP",
        "One file of 1 MiB over TLS",
        "Peak memory of ours",
        "4 files of 200 KiB, 8 at once, over HTTP",
    ]
    assert all(f"## {title}" in printed for title in titles)
    assert "failed" not in printed
    assert set(written["sections"][0]["measured"]) >= {"read and discard", "ours, whole"}


def test_the_fault_benchmark_prints_and_writes_its_table(tmp_path: Path) -> None:
    printed, written = run("faults", tmp_path, "--mib", "1", "--client", "ours")

    (row,) = written["sections"][0]["rows"]
    assert row["client"] == "ours"
    assert list(row)[1:] == [column.name for column in COLUMNS]
    assert not any("wrong" in cell or "fails" in cell for cell in row.values())
    assert all(column.name in printed for column in COLUMNS)


def test_the_benchmark_of_the_door_prints_and_writes_its_tables(tmp_path: Path) -> None:
    printed, written = run("intake", tmp_path, "--rounds", "1", "--seconds", "1", "--clients", "32")

    titles = [section["title"] for section in written["sections"]]
    assert titles == ["32 clients", "32 clients, and trouble"]
    assert all(f"## {title}" in printed for title in titles)
    asked = [
        run["requests"] for runs in written["sections"][0]["measured"].values() for run in runs
    ]
    assert len(asked) == 3
    assert all(asked)


def test_without_wrk_a_generator_of_our_own_posts_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.intake_load.tool", lambda _name: None)
    generator = Generator(tmp_path, seconds=1, runs=1)
    port = free_port()
    program = web_program("127.0.0.1", port, {})
    argv = [*program.argv[:-1], "benchmarks.programs.empty_door:create_app()"]
    with spawn(argv) as door:
        eventually(lambda: lives(port), message=door.output)
        load = generator.run(port, 8)

    assert generator.name == "our own generator"
    assert load.requests > 0
    assert load.errors == 0


def test_the_burst_benchmark_loses_nothing_on_either_database(tmp_path: Path) -> None:
    printed, written = run("burst", tmp_path, "--events", "400", "--meetings", "20")

    titles = [section["title"] for section in written["sections"]]
    assert titles == [f"400 events about 20 meetings on {name}" for name in ("SQLite", "Postgres")]
    assert [section["measured"]["lost"] for section in written["sections"]] == [0, 0]
    assert all(f"## {title}" in printed for title in titles)


def test_the_benchmark_of_waiting_brings_every_meeting(tmp_path: Path) -> None:
    printed, written = run("backfill", tmp_path, "--meetings", "3", "--fast", "0")

    waiting, discovery = written["sections"]
    costs = [*waiting["measured"].values(), discovery["measured"]]
    assert [each["complete"] for each in costs] == [3, 3, 3]
    assert waiting["measured"]["all end in one minute"]["questions"] > 0
    assert all(f"## {each['title']}" in printed for each in written["sections"])


def test_the_benchmark_of_scale_asks_the_same_at_every_size_on_either_database(
    tmp_path: Path,
) -> None:
    sizes = ("--sizes", "200,300")
    printed, written = run("scale", tmp_path, *sizes, "--rounds", "1", "--asks", "1")

    sections = {section["title"]: section["measured"] for section in written["sections"]}
    titles = [*sections]
    p95 = ", p95 (median) in milliseconds by meetings"
    parts = ("milliseconds by meetings", f"what people look at{p95}", f"pages over HTTP{p95}")
    assert titles == [f"{name}: {part}" for name in ("SQLite", "Postgres") for part in parts]
    for name in ("SQLite", "Postgres"):
        measured = sections[f"{name}: milliseconds by meetings"]
        assert {"one sweep", "status", "list page"} <= set(measured)
        assert set(measured["status"]) == {"200", "300"}
        looked = sections[f"{name}: what people look at{p95}"]
        assert {"list: all", "one meeting", "search with 50 hits"} <= set(looked)
        assert {"list: all", "one meeting", "search"} <= set(
            sections[f"{name}: pages over HTTP{p95}"]
        )
    assert all(f"## {title}" in printed for title in titles)
    assert list(tmp_path.rglob("*.db")) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_without_nginx_a_server_of_our_own_sends_files_and_parts_of_them(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.serving.tool", lambda _name: None)
    with served(tmp_path) as server:
        write_mp4(server.folder / "small.mp4", 300_000)
        download = Download(
            f"{server.urls[scheme]}/small.mp4", tmp_path / "got.mp4", server.certificate
        )
        cost = measure(ours(download), certificate=server.certificate)
        part = requests.get(
            download.url,
            headers={"Range": "bytes=1000-1999"},
            verify=str(server.certificate),
            timeout=10,
        )

    whole = (server.folder / "small.mp4").read_bytes()
    assert (cost.exit_status, cost.said) == (0, "")
    assert download.place.read_bytes() == whole
    assert (part.status_code, part.content) == (206, whole[1000:2000])


def test_each_round_begins_with_the_next_contender() -> None:
    assert "".join(interleaved("ABC", 4)) == "ABCBCACABABC"


def test_a_bar_is_reached_by_the_median_and_never_by_what_was_not_measured() -> None:
    found = spread([0.9, 1.1, 3.0])

    assert found == Spread(1.1, 0.9, 3.0)
    assert Bar("speed", found, least=1.0).passed
    assert not Bar("cpu", found, most=1.0).passed
    assert not Bar("speed", None, least=1.0).passed


def test_a_measured_process_tells_its_exit_status_and_what_it_said() -> None:
    cost = measure(["sh", "-c", "echo gone wrong >&2; exit 3"], longest_seconds=10)

    assert (cost.exit_status, cost.said) == (3, "gone wrong")
    assert cost.peak_bytes > 0


def test_a_process_that_takes_too_long_is_ended() -> None:
    cost = measure(["sleep", "60"], longest_seconds=0.2)

    assert cost.exit_status == -1


@pytest.mark.parametrize(
    ("column", "outcome", "verdict"),
    [
        ("cut at 60 %", Outcome(0, True, 1.0), "resumes"),
        ("cut at 60 %", Outcome(0, True, 1.6), "restarts"),
        ("cut at 60 %", Outcome(18, False, 0.6), "fails"),
        ("HTML with 200", Outcome(0, False, 0.0), "exit 0, wrong"),
        ("HTML with 200", Outcome(1, False, 0.0), "refuses"),
        ("429 first", Outcome(0, True, 1.0), "OK"),
    ],
)
def test_a_cell_is_decided_by_exit_status_checksum_and_bytes_served(
    column: str, outcome: Outcome, verdict: str
) -> None:
    met = next(each for each in COLUMNS if each.name == column)

    assert outcome.verdict(met) == verdict


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(0, True, 1.0), "resumes 1.00"),
        (Outcome(0, False, 0.6), "exit 0, wrong 0.60"),
        (Outcome(18, False, 0.6), "fails 0.60 (exit 18)"),
        (Outcome(-9, False, 0.6), "fails 0.60 (signal 9)"),
    ],
)
def test_a_cell_tells_the_outcome_the_bytes_served_and_how_the_client_ended(
    outcome: Outcome, told: str
) -> None:
    assert cell(outcome, COLUMNS[0]) == told


def lives(port: int) -> bool:
    """Whether a door answers."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
    except requests.ConnectionError:
        return False


def run(name: str, folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """Run a benchmark; what it printed, and what it wrote as JSON, which names no place."""
    results = folder / "results"
    places = ("--folder", str(folder), "--results", str(results))
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options, *places, "--no-bars"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    texts = [place.read_text() for place in results.iterdir()]
    assert not any(str(folder) in text or "127.0.0.1" in text for text in texts)
    return done.stdout, json.loads((results / f"{name}.json").read_text())


def test_every_ratio_in_the_readme_stands_in_the_results() -> None:
    told = (ROOT / "benchmarks" / "README.md").read_text().partition("## The last run")[2]
    results = [path.read_text() for path in (ROOT / "benchmarks" / "results").glob("*.md")]

    ratios = re.findall(r"\d+\.\d\d", told)
    assert ratios
    assert [each for each in ratios if not any(each in result for result in results)] == []
