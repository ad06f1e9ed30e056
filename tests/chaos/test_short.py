"""A short chaos: real processes are killed, frozen and restarted, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 150


def test_twenty_seconds_of_chaos_lose_nothing(tmp_path: Path) -> None:
    plan = ["--seconds", "20", "--seed", "20210514", "--meeting-every", "2"]
    argv = [sys.executable, "-m", "chaos", *plan, "--folder", str(tmp_path)]

    done = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["kills"] >= 5
    assert figures["acked_meetings"] >= 5
