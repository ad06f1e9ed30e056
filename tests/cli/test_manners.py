"""How commands behave: help, errors, days, closed pipes, and text that others have written."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from inspect import cleandoc
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.days import DAY
from app.cli.main import _COMMANDS, commands, main
from app.db.engine import Database
from app.db.files import replace_participants, replace_snippets
from app.models.times import utc_now
from tests.cli.test_output import HOSTILE
from tests.web.rows import Rows

MEETING = "5878d18cf1b35ce266b032ecee7d5ce3_I_380851175556077895"


def all_commands(
    command: click.Command = commands, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Every command and every group, with the words that lead to it."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from all_commands(inner, (*path, name))


ALL = dict(all_commands())


@pytest.fixture
def environment(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The settings of an installation with an empty database, in which nothing runs."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    return {"DATABASE_URL": f"sqlite:///{path}"}


@pytest.fixture
def database(environment: dict[str, str]) -> Iterator[Database]:
    """Its database."""
    database = Database(environment["DATABASE_URL"])
    yield database
    database.dispose()


def ended(
    *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str, str]:
    """The exit code of a command, and what it said to programs and to people."""
    monkeypatch.setattr(sys, "argv", ["webex-ingest", *words])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


@pytest.mark.parametrize("path", ALL)
def test_every_help_is_of_sentences_and_has_an_example_that_works(path: str) -> None:
    command = ALL[path]
    text, _, example = cleandoc(command.help or "").partition("\n\n\b\nExample: ")

    for paragraph in text.split("\n\n"):
        assert paragraph.endswith(".")
    for each in command.params:
        if isinstance(each, click.Option):
            assert (each.help or "").endswith("."), f"{each.opts}: {each.help}"
    first, *words = shlex.split(example)
    assert first == "webex-ingest"
    assert " ".join(words).startswith(path), "it is an example of this command"
    inner, rest = commands, words
    while isinstance(inner, click.Group):
        found = inner.get_command(click.Context(inner), rest[0])
        assert found is not None
        inner, rest = found, rest[1:]  # type: ignore[assignment]
    inner.make_context(words[0], rest)


def test_the_list_of_commands_says_of_each_what_its_help_says_first() -> None:
    first = {name: (ALL[name].help or "").partition("\n")[0] for name in _COMMANDS}

    assert {name: sentence for name, (_, sentence) in _COMMANDS.items()} == first
    said = CliRunner().invoke(commands, ["--help"], terminal_width=80).output
    assert "..." not in said.partition("Commands:")[2]
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("path", ALL)
def test_every_command_can_answer_in_json_and_every_group_alone_tells_its_help(path: str) -> None:
    command = ALL[path]
    if isinstance(command, click.Group):
        alone = CliRunner().invoke(commands, path.split())
        assert alone.exit_code == 2
        assert alone.output.startswith("Usage: ")
        assert "Commands:" in alone.output
    else:
        assert "--json" in [option for each in command.params for option in each.opts]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["nonsense", "--json"], 2, "usage"),
        (["status", "--json", "--nonsense"], 2, "usage"),
        (["backfill", "--from", "soon", "--to", "today", "--json"], 2, "usage"),
        (["report", "--format", "json", "--from", "2026-13-01"], 2, "usage"),
        (["status", "nobody_I_1", "--json"], 1, "not_found"),
        (["search", "--json", "?!"], 2, "usage"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_with_json_an_error_is_one_document_for_programs_and_words_for_people(
    words: list[str],
    code: int,
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exit_code, out, err = ended(*words, monkeypatch=monkeypatch, capsys=capsys)

    told = json.loads(out)["error"]
    assert (exit_code, told["code"]) == (code, error)
    assert told["message"] in err
    without = [each for each in words if each != "--json"]
    if "--json" in words:
        exit_code, out, _ = ended(*without, monkeypatch=monkeypatch, capsys=capsys)
        assert (exit_code, out) == (code, "")


def test_a_wrong_setting_and_a_database_that_is_not_there_yet_are_told_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    early = ended("status", "--json", monkeypatch=monkeypatch, capsys=capsys)
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    wrong = ended("status", "--json", monkeypatch=monkeypatch, capsys=capsys)

    assert (early[0], json.loads(early[1])["error"]["code"]) == (1, "schema_mismatch")
    assert (wrong[0], json.loads(wrong[1])["error"]["code"]) == (2, "settings")
    assert all(
        each[2].startswith("webex-ingest: ") and each[2].count("\n") == 1 for each in (early, wrong)
    )


def test_what_is_nearly_right_is_guessed(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Rows(database, utc_now()).meeting(MEETING)

    for words, meant in (
        (["polcy"], "Did you mean 'policy'?"),
        (["webhooks", "docter"], "Did you mean 'doctor'?"),
        (["status", "--jsn"], "Did you mean '--json'?"),
        (["status", MEETING[:12]], f"Did you mean {MEETING}?"),
    ):
        _, _, err = ended(*words, monkeypatch=monkeypatch, capsys=capsys)
        assert meant in err


def test_a_day_is_written_out_or_is_today_or_yesterday() -> None:
    today = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)

    assert DAY.convert("2026-03-31", None, None) == datetime(2026, 3, 31)  # noqa: DTZ001
    assert DAY.convert("today", None, None) - today in (timedelta(), timedelta(days=1))
    assert DAY.convert("yesterday", None, None) - today in (-timedelta(days=1), timedelta())
    with pytest.raises(click.BadParameter, match=r"'31\.3\.' is no day; write it like 2026-03-31"):
        DAY.convert("31.3.", None, None)


@pytest.mark.usefixtures("environment")
def test_whoever_reads_only_the_first_line_gets_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-m", "app.cli", "status"]

    run = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    os.close(writer)

    assert run.stderr == b""
    assert run.returncode == -13, "as any program whose reader has gone"


def test_what_others_have_written_reaches_no_terminal_as_a_command(
    database: Database,
) -> None:
    rows = Rows(database, utc_now())
    meeting = rows.failed_meeting("m_I_1", HOSTILE, title=HOSTILE, host_email=HOSTILE)
    assert meeting.id is not None
    rows.event("e1", "quarantined", error=HOSTILE)
    person = {"participant_id": "1", "display_name": HOSTILE, "email": HOSTILE, "host": True}
    times = {"co_host": False, "joined_at": rows.now, "left_at": None}
    snippet = {"snippet_id": "1", "text": f"budget {HOSTILE}", "person_name": HOSTILE}
    with database.transaction() as session:
        replace_participants(session, meeting.id, [person | times])
        replace_snippets(session, meeting.id, "t1", [snippet])

    for words in (["status"], ["status", "m_I_1"], ["search", "budget"]):
        for option in ([], ["--json"]):
            said = CliRunner().invoke(commands, [*words, *option]).output

            assert "[red]Quarterly[/red] :smile: " in said, words
            assert all(line.isprintable() for line in said.split("\n")), words
            assert "\nFAILED  nothing" not in said


WATCH = """
import sys
from app.cli.main import commands
try:
    commands.main(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print(sorted({each.partition(".")[0] for each in sys.modules}))
"""


@pytest.mark.usefixtures("environment")
def test_nothing_is_loaded_at_the_start_that_a_command_does_not_need() -> None:
    def loaded(*words: str) -> set[str]:
        argv = [sys.executable, "-c", WATCH, *words]
        run = subprocess.run(argv, capture_output=True, text=True, check=True)
        return set(eval(run.stdout.splitlines()[-1]))  # noqa: S307 -- a list that we have printed

    heavy = {"rich", "pygments", "markdown_it", "celery", "kombu", "flask", "requests", "alembic"}
    assert loaded("--help") & {*heavy, "sqlalchemy", "pydantic", "structlog"} == set()
    assert loaded("status") & heavy == set()


@pytest.mark.usefixtures("environment")
def test_a_command_closes_the_database_at_its_end(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "app.cli", "status"], cwd=tmp_path, capture_output=True, check=True
    )

    assert [each.name for each in tmp_path.glob("*-wal")] == []


def test_everything_is_printed_by_the_one_module_that_cleans_it() -> None:
    places = (Path(__file__).parents[2] / "app" / "cli").glob("*.py")
    own = {each.name for each in places if re.search(r"\bclick\.s?echo\b", each.read_text())}

    # The program's own "Stopped." apart.
    assert own == {"output.py", "main.py"}
