"""The supervisor, run and killed as a real process with small programs."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from app.cli.state_folder import StateInUse, state_lock
from app.cli.supervisor import Program, restart_delay_seconds
from tests.cli.supervised import end, logged, shell, started, supervised
from tests.servers import Spawned, alive, eventually, spawn

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, needs prctl")


def test_a_program_that_ends_is_started_again_after_a_growing_delay(tmp_path: Path) -> None:
    with supervised(tmp_path, [shell("brief", "exit 3")]) as run:
        run.wait_for('"restarting_in_seconds": 1.0')

    exits = [line for line in logged(run.output()) if line["event"] == "program.exited"]
    assert [(line["exit_code"], line["restarting_in_seconds"]) for line in exits[:2]] == [
        (3, 0.5),
        (3, 1.0),
    ]


def test_the_delay_doubles_up_to_thirty_seconds() -> None:
    delays = [restart_delay_seconds(restarts) for restarts in (0, 1, 2, 5, 6, 7, 10_000)]

    assert delays == [0.5, 1, 2, 16, 30, 30, 30]


def test_a_program_that_cannot_be_started_does_not_end_the_others(tmp_path: Path) -> None:
    programs = [shell("steady", "exec sleep 60"), {"name": "lost", "argv": ["/no/such/program"]}]

    with supervised(tmp_path, programs) as run:
        run.wait_for('"restarting_in_seconds": 1.0')
        end(run)

    lost = next(line for line in logged(run.output()) if line["event"] == "program.exited")
    assert (lost["name"], lost["exit_code"]) == ("lost", 127)
    assert run.process.returncode == 0


def test_programs_start_when_those_before_them_are_ready(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    programs = [
        shell("first", f"sleep 0.3; touch '{ready}'; exec sleep 60", ready=["file", str(ready)]),
        shell("second", f"test -e '{ready}' && echo 'first was ready'; exec sleep 60"),
    ]

    with supervised(tmp_path, programs) as run:
        run.wait_for("first was ready")


def test_what_others_lean_on_stops_last(tmp_path: Path) -> None:
    ready = ["file", str(tmp_path)]
    programs = [
        shell("broker", "exec sleep 60", ready=ready),
        shell("web", "exec sleep 60", ready=ready),
        shell("worker", "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"),
        shell("beat", "exec sleep 60"),
    ]

    with supervised(tmp_path, programs) as run:
        run.wait_for("everything.started")
        end(run)

    stopped = [line["name"] for line in logged(run.output()) if line["event"] == "program.stopped"]
    assert stopped == ["beat", "worker", "web", "broker"]


def test_a_program_that_does_not_stop_in_its_time_is_killed(tmp_path: Path) -> None:
    programs = [shell("deaf", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")]
    programs[0]["stop_seconds"] = 0.3

    with supervised(tmp_path, programs) as run:
        run.wait_for("deaf\n")
        end(run)

    assert "program.killed" in run.output()
    assert run.process.returncode == 0


def test_all_programs_together_have_a_bounded_time_to_stop(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
    programs = [shell(name, deaf, ready=["file", str(tmp_path)]) for name in ("one", "two")]

    with supervised(tmp_path, programs, total_stop_seconds=0.5) as run:
        run.wait_for("everything.started")
        began = time.monotonic()
        end(run)

    assert time.monotonic() - began < 5


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    programs = [shell("deaf", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")]
    programs[0]["stop_seconds"] = 600

    with supervised(tmp_path, programs, total_stop_seconds=600) as run:
        run.wait_for("deaf\n")
        os.kill(run.pid, signal.SIGINT)
        run.wait_for("supervisor.stopping")
        end(run, signal.SIGINT)

    assert run.process.returncode == 0


def test_an_interrupt_from_the_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    words = (
        "trap 'echo interrupted' INT; trap 'exit 0' TERM; echo here; while :; do sleep 0.1; done"
    )

    with supervised(tmp_path, [shell("worker", words)]) as run:
        run.wait_for("here\n")
        os.killpg(run.pid, signal.SIGINT)
        run.process.wait(10)
        output = run.output()

    assert "interrupted" not in output
    assert run.process.returncode == 0


def test_a_program_that_is_never_ready_is_an_error_and_everything_stops(tmp_path: Path) -> None:
    programs = [
        shell("steady", "exec sleep 60", ready=["file", str(tmp_path)]),
        shell("never", "exit 4", ready=["file", str(tmp_path / "missing")]),
    ]

    with supervised(tmp_path, programs, ready_seconds=0.4) as run:
        assert run.process.wait(10) == 1
        output = run.output()

    assert "never was not ready within 0.4 seconds (last exit code: 4)" in output
    assert not [pid for pid in started(output) if alive(pid)]


def test_it_can_be_stopped_while_it_waits_for_a_program(tmp_path: Path) -> None:
    programs = [shell("slow", "exec sleep 60", ready=["file", str(tmp_path / "missing")])]

    with supervised(tmp_path, programs) as run:
        run.wait_for("program.started")
        end(run)

    assert run.process.returncode == 0
    assert "everything.started" not in run.output()


def test_what_a_killed_program_leaves_behind_is_ended_before_it_starts_again(
    tmp_path: Path,
) -> None:
    family = shell("family", "sleep 60 & echo child $!.; wait")

    with supervised(tmp_path, [family]) as run:
        child, first = child_of(run), started(run.wait_for("program.started"))[0]
        os.kill(first, signal.SIGKILL)
        run.wait_for("restarting_in_seconds")

        eventually(lambda: not alive(child), seconds=5, message="the grandchild is alive")


def test_grandchildren_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    family = shell("family", "sleep 60 & echo child $!.; wait")

    with supervised(tmp_path, [family]) as run:
        child = child_of(run)
        os.kill(run.pid, signal.SIGKILL)

        eventually(lambda: not alive(child), seconds=5, message="the grandchild is alive")


@only_linux
def test_programs_die_with_a_killed_supervisor_without_the_guardian_too(tmp_path: Path) -> None:
    with supervised(tmp_path, [shell("steady", "exec sleep 60")]) as run:
        program = started(run.wait_for("program.started"))[0]
        guardian = guardian_of(run.pid)
        os.kill(guardian, signal.SIGSTOP)
        try:
            os.kill(run.pid, signal.SIGKILL)

            eventually(lambda: not alive(program), seconds=5, message="the program is alive")
        finally:
            os.kill(guardian, signal.SIGCONT)


@only_linux
def test_a_killed_guardian_is_replaced(tmp_path: Path) -> None:
    family = shell("family", "sleep 60 & echo child $!.; wait")

    with supervised(tmp_path, [family]) as run:
        child = child_of(run)
        first = eventually(lambda: guardian_of(run.pid))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: guardian_of(run.pid) not in (0, first), message="no new guardian")
        os.kill(run.pid, signal.SIGKILL)

        eventually(lambda: not alive(child), seconds=5, message="the grandchild is alive")


def test_a_program_does_not_show_its_environment() -> None:
    program = Program("web", ["web"], {"CELERY_BROKER_URL": "redis://:hidden@127.0.0.1/0"})

    assert "hidden" not in repr(program)


def test_a_second_supervisor_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        state_lock(tmp_path / "var"),
        pytest.raises(StateInUse) as refusal,
        state_lock(tmp_path / "var"),
    ):
        pass

    assert str(refusal.value) == (
        f"The folder {tmp_path}/var is in use by process {os.getpid()}:"
        " stop that one first, or start this one in another folder."
    )


def test_a_killed_process_leaves_the_folder_free(tmp_path: Path) -> None:
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from app.cli.state_folder import state_lock\n"
        "with state_lock(Path(sys.argv[1])): print('locked', flush=True); signal.pause()"
    )
    with spawn([sys.executable, "-c", script, tmp_path]) as holder:
        holder.wait_for("locked")
        with pytest.raises(StateInUse, match=str(holder.pid)), state_lock(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.process.wait(10)

        with state_lock(tmp_path):
            assert (tmp_path / "serve.lock").read_text() == f"{os.getpid()}\n"


def child_of(run: Spawned) -> int:
    """Wait until the program has said which child it has."""
    said = eventually(lambda: re.search(r"child (\d+)\.", run.output()), message=run.output)
    assert said is not None
    return int(said[1])


def guardian_of(pid: int) -> int:
    """Find the child of the supervisor that is its guardian; 0 is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        if b"guardian.py" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return 0
