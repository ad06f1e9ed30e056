"""Completion: what a shell is offered, and that it costs nothing where there is nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from app.cli.main import _COMMANDS, commands
from app.db.accounts import put_account
from app.db.engine import Database
from app.models.times import utc_now
from tests.e2e.commands import run_command
from tests.web.rows import Rows


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database of an installation in this folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    return Database(f"sqlite:///{path}")


def offered(*words: str) -> list[str]:
    """What a shell is offered for the last of some words."""
    shell = ShellComplete(commands, {}, "webex-ingest", "_WEBEX_INGEST_COMPLETE")
    return [each.value for each in shell.get_completions([*words[:-1]], words[-1])]


def test_commands_options_and_words_are_offered() -> None:
    assert offered("") == sorted(_COMMANDS)
    assert offered("re") == ["rebuild", "replay", "report", "retry"]
    assert offered("webhooks", "d") == ["delete", "doctor"]
    assert offered("report", "--f") == ["--from", "--format"]
    assert offered("report", "--format", "") == ["table", "json", "csv"]
    assert offered("login", "--role", "a") == ["admin"]
    assert offered("completion", "") == ["bash", "zsh", "fish"]
    assert offered("retry", "--reason", "disk") == ["disk_full"]
    assert offered("report", "--from", "y") == ["yesterday"]
    today, yesterday = offered("report", "--from", "2")
    assert yesterday < today


def test_meetings_and_accounts_that_are_known_are_offered(database: Database) -> None:
    rows = Rows(database, utc_now())
    for number in range(60):
        rows.meeting(f"{number % 2}a{number:02}_I_1")
    with database.transaction() as session:
        for name in ("", "campus", "sales"):
            put_account(session, name, now=utc_now())
    database.dispose()

    for command in ("status", "ingest", "retry", "verify"):
        assert offered(command, "0a5") == [f"0a{number}_I_1" for number in (50, 52, 54, 56, 58)]
    newest = offered("status", "")
    assert (len(newest), newest[0]) == (50, "1a59_I_1")
    assert offered("status", "none of them") == []
    assert offered("accounts", "remove", "") == ["campus", "sales"]
    assert offered("webhooks", "list", "--account", "c") == ["campus"]


def test_where_there_is_no_database_or_a_wrong_setting_nothing_is_offered_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("status", "") == []
    monkeypatch.setenv("DATABASE_URL", "mysql://nobody")
    assert offered("status", "") == []
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    (tmp_path / "empty.db").touch()
    assert offered("status", "") == []

    assert [each.name for each in tmp_path.iterdir()] == ["empty.db"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_us(shell: str, tmp_path: Path) -> None:
    code, said = run_command(["completion", shell], {}, tmp_path)

    assert code == 0
    assert f"_WEBEX_INGEST_COMPLETE={shell}_complete" in said


def test_bash_completes_with_it(tmp_path: Path) -> None:
    _, script = run_command(["completion", "bash"], {}, tmp_path)
    (tmp_path / "webex-ingest").write_text(f'#!/bin/sh\nexec {sys.executable} -m app.cli "$@"\n')
    (tmp_path / "webex-ingest").chmod(0o755)
    typed = "COMP_WORDS=(webex-ingest web); COMP_CWORD=1; _webex_ingest_completion webex-ingest"
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    run = subprocess.run(
        ["bash", "-c", f'{script}\n{typed}\necho "${{COMPREPLY[@]}}"'],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (run.stdout, run.stderr) == ("webhooks\n", "")
