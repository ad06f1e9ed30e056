"""The demo: what a stranger sees first."""

import json
import re
import sys
from pathlib import Path

import psutil
import pytest

from app.db.engine import Database
from app.ingestion.status import overview
from app.models.times import utc_now
from tests.processes import spawn
from tests.servers import ValkeyServer


def run_demo(folder: Path, *options: str) -> str:
    """Run the demo in a folder; what it printed. It must end well, and by itself."""
    argv = [sys.executable, "-m", "app.cli", "demo", *options]
    with spawn(argv, cwd=folder) as demo:
        code = demo.process.wait(120)
        assert code == 0, demo.output()
        return demo.output()


def run_and_end_demo(folder: Path, *options: str) -> str:
    """Run a demo that is to go on, and end it by SIGTERM; none of its processes is left."""
    argv = [sys.executable, "-m", "app.cli", "demo", "--keep", *options]
    with spawn(argv, cwd=folder) as demo:
        demo.wait_for("Still running", seconds=120)
        others = psutil.Process(demo.pid).children(recursive=True)
        demo.process.terminate()
        code = demo.process.wait(60)
        assert code == 0, demo.output()
        assert len(others) >= 6
        assert psutil.wait_procs(others, timeout=10)[1] == []
        return demo.output()


def check_story(said: str) -> None:
    """The demo shows empty looks, a second look at participants, and a late transcript."""
    story = [line[10:] for line in said.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
    found = story.index

    assert "webhook   meetings.ended taken" in story
    empty = [line for line in story if re.match("look      recordings: nothing there yet", line)]
    assert len(empty) >= 1, "the recordings are there only after an empty look"
    assert any("does not know yet when everybody left" in line for line in story)
    video = next(
        line for line in story if line.startswith("file      recordings/") and ".mp4" in line
    )
    vtt = next(
        line for line in story if line.startswith("file      transcripts/") and ".vtt" in line
    )
    assert found(video) < found(vtt), "the transcript comes later than the recording"
    assert sum(".mp4" in line for line in story) == 2
    assert found("complete  the meeting is archived") == len(story) - 1
    assert "Every file equals what the simulator served, byte for byte." in said


def test_the_demo_runs_the_main_job_and_ends_well(tmp_path: Path) -> None:
    check_story(run_demo(tmp_path))


def test_the_demo_uses_the_database_and_the_broker_it_is_told_and_leaves_nothing_running(
    tmp_path: Path, postgres_url: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.flush()
    precious = tmp_path / "precious.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{precious}")
    monkeypatch.setenv("ARCHIVE_DIR", str(tmp_path / "precious"))
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{precious}\n")

    told = ["--database-url", postgres_url, "--broker-url", valkey.url]
    lines = run_and_end_demo(tmp_path, "--json", *told).splitlines()

    events = [json.loads(line)["event"] for line in lines if line.startswith('{"')]
    assert {"event.processed", "file.stored", "meeting.complete"} <= set(events)
    assert '"ok": true' in [line.strip() for line in lines]
    assert not precious.exists()
    assert not (tmp_path / "precious").exists()
    assert not list(tmp_path.rglob("webex-ingest.db")), "the work is in the database it was told"
    database = Database(postgres_url)
    assert overview(database, now=utc_now(), lease_seconds=30).meetings.complete == 1
    database.dispose()
