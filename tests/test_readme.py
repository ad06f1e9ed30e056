"""What the documents promise is what the program has, and the other way round."""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.cli.main import commands
from app.config import Settings, load_settings
from app.db.accounts import put_account
from app.db.schema import migrate
from app.db.ticks import tick
from app.models.policy import Policy
from app.models.words import Kind, Reason, State
from app.runtime import Runtime, build_runtime
from app.web.application import create_app
from tests.db.rows import store_event

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")

_LATER = "*Later:*"
_NAMED = re.compile(
    r"(?:app|tests|simulator|workers|docs)/[\w./-]*|[\w.-]+\.(?:py|md|toml|lock|yaml|yml)"
)
_ELSEWHERE = {
    "uv.lock",  # made by uv, and never committed
    "r0015_remember_who_asked.py",  # an example
}


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime with an empty database; nobody's settings are read."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    settings = load_settings(
        webex_webhook_secret="a-webhook-secret-for-tests",
        database_url=f"sqlite:///{tmp_path / 'webex-ingest.db'}",
        archive_dir=tmp_path / "archive",
    )
    runtime = build_runtime(settings, broker_url="memory://")
    migrate(runtime.bench.database)
    yield runtime
    runtime.bench.database.dispose()


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    """The web application."""
    return create_app(runtime)


def test_every_setting_is_in_the_readme_with_its_default_and_no_other() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in table("variable")}

    settings = Settings.model_fields.items()
    assert told == {name.upper(): _default_text(field) for name, field in settings}


def test_the_readme_says_later_of_exactly_the_settings_that_no_code_uses() -> None:
    later = {row[0].strip("`") for row in table("variable") if row[2].startswith(_LATER)}

    code = "\n".join(_code_without_settings())
    unused = {
        name.upper()
        for name in Settings.model_fields
        if not re.search(rf"settings\.{name}\b", code)
    }
    assert later == unused


def test_every_command_is_in_the_readme_with_its_arguments_and_options_and_no_other() -> None:
    told = [_told_command(row[0]) for row in table("command")]

    assert sorted(told) == sorted(_real_commands(commands))


def test_every_route_is_in_the_readme_and_no_other(app: Flask) -> None:
    told = sorted(row[0].strip("`") for row in table("endpoint"))

    real = sorted(
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )
    assert told == real


def test_every_metric_is_in_the_readme_and_no_other(app: Flask, runtime: Runtime) -> None:
    with runtime.bench.database.transaction() as session:
        now = runtime.bench.clock()
        for name in ("sweep", "beat", "backfill"):
            tick(session, name, now=now)
        put_account(session, "", now=now, access_expires_at=now)
    names = {"resource": "meetings", "event": "ended", "data_id": "a_I_1"}
    store_event(runtime.bench.database, b"1", **names, body="{}", now=now)

    answer = app.test_client().get("/metrics").text

    real = {_told_name(family) for family in text_string_to_metric_families(answer)}
    assert set(re.findall(r"`(webex_ingest_\w+)`", README)) == real


def test_every_make_target_is_in_the_readme_and_in_make_help_and_no_other() -> None:
    told = {row[0].strip("`").removeprefix("make ") for row in table("target")}

    assert told == _make_targets() == _make_targets(ending=".*## ")


@pytest.mark.parametrize(("head", "words"), [("state", State), ("reason", Reason), ("kind", Kind)])
def test_every_word_of_a_manifest_is_explained_in_the_readme_and_no_other(
    head: str, words: type[StrEnum]
) -> None:
    told = sorted(row[0].strip("`") for row in table(head))

    assert told == sorted(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_files_that_exist(document: str) -> None:
    missing = [name for name, place in named_files(document) if not place.exists()]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_commands_and_targets_that_exist(document: str) -> None:
    told = "\n".join(_commands_in((ROOT / document).read_text()))

    group = "(?:webhooks |accounts |policy |tokens )?"
    said = set(re.findall(rf"webex-ingest ({group}[a-z][a-z-]+)", told))
    targets = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", told, re.MULTILINE))
    assert said - {path for path, *_ in _real_commands(commands)} == set()
    assert targets - _make_targets() == set()


def table(first_head: str) -> list[list[str]]:
    """The rows of the README's table whose first column is headed so."""
    lines = README.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith(f"| {first_head} |")]
    assert len(heads) == 1, f"the README has {len(heads)} tables that begin with {first_head!r}"
    rows = []
    for line in lines[heads[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def named_files(document: str) -> Iterator[tuple[str, Path]]:
    """The files of the repository that a document links to or names, and where they must be."""
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            yield target, (ROOT / document).parent / target
    for name in _spans(text):
        if _NAMED.fullmatch(name) and name not in _ELSEWHERE:
            yield name, ROOT / name


def _default_text(field: FieldInfo) -> str:
    match field.default:
        case Policy():
            return ""
        case None | ():
            return ""
        case bool() as switch:
            return str(int(switch))
        case SecretStr() as secret:
            return secret.get_secret_value()
        case tuple() as several:
            return ",".join(several)
        case other:
            return str(other)


def _code_without_settings() -> Iterator[str]:
    places = [*ROOT.glob("app/**/*.py"), *ROOT.glob("workers/*.py"), ROOT / "flowerconfig.py"]
    for place in places:
        if place != ROOT / "app" / "config.py":
            yield place.read_text().replace("load_settings()", "settings")


def _told_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _told_command(cell: str) -> tuple[str, list[str], list[str]]:
    path: list[str] = []
    arguments: list[str] = []
    options: list[str] = []
    before = "]"
    for word in cell.strip("`").split():
        name = word.strip("[]…")
        if name.startswith("--"):
            options.append(name)
        elif not before.endswith("]") and options:
            options[-1] += f" {name}"
        elif name.isupper():
            arguments.append(name)
        else:
            path.append(name)
        before = word
    return " ".join(path), arguments, sorted(options)


def _real_commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each command that does something: its name, arguments, and options with their values."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _real_commands(inner, (*path, name))
        return
    arguments = [
        each.make_metavar(click.Context(command)).strip("[].…")
        for each in command.params
        if isinstance(each, click.Argument)
    ]
    options = [_option_text(each) for each in command.params if isinstance(each, click.Option)]
    yield " ".join(path), arguments, sorted(options)


def _option_text(option: click.Option) -> str:
    name = option.opts[0]
    if option.is_flag:
        return name
    return f"{name} {_shown_value(option)}"


def _shown_value(option: click.Option) -> Any:
    if option.metavar:
        return option.metavar
    if isinstance(option.default, str | int):
        return option.default
    return "DATE" if isinstance(option.type, click.DateTime) else "URL"


def _commands_in(text: str) -> list[str]:
    """What a document says to type, be it in a block or in a sentence."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [*blocks, *_spans(text)]


def _spans(text: str) -> list[str]:
    """What stands in code within sentences and tables."""
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", sentences)


def _make_targets(ending: str = "") -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(rf"^([a-z][a-z-]*):{ending}", makefile, re.MULTILINE))
