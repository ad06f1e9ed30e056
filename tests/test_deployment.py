"""What the deployment files promise, compared with what there is: no container is started."""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from celery.bin.celery import celery as celery_command
from dotenv import dotenv_values

from app.cli.main import commands as webex_ingest
from app.config import Settings, load_settings
from app.models.words import Queue
from app.runtime import build_runtime
from app.web.application import create_app

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
FINAL_STAGE = DOCKERFILE.rpartition("FROM ")[2]
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
WORKERS = {name: command for name, command in PROCFILE.items() if " worker " in command}
FIELDS = {name.upper() for name in Settings.model_fields}
EVERYWHERE = " --address=0.0.0.0"
"""What Flower is told in its container only, where loopback could not be published."""
COMPOSE_ONLY = {"SETTINGS_FILE", "POSTGRES_PASSWORD", "METRICS_TOKEN", "GRAFANA_PASSWORD"}


def test_compose_and_procfile_run_the_same_processes() -> None:
    from_compose = {name: str(service["command"]) for name, service in OURS.items()}
    from_compose["release"] = from_compose.pop("migrate")
    from_compose["flower"] = from_compose["flower"].removesuffix(EVERYWHERE)

    del from_compose["simulator"]
    assert from_compose == PROCFILE


@pytest.mark.parametrize("name", OURS)
def test_every_command_names_programs_and_modules_that_exist(name: str) -> None:
    program, *arguments = shlex.split(str(OURS[name]["command"]))

    assert (BIN / program).exists()
    if program == "gunicorn":
        module, _, factory = arguments[-1].partition(":")
        assert callable(getattr(importlib.import_module(module), factory.removesuffix("()")))
    elif program == "celery":
        assert arguments[:2] == ["-A", "workers"]
        assert arguments[2] in celery_command.commands
    elif program == "webex-ingest":
        assert arguments[0] in webex_ingest.list_commands(click.Context(webex_ingest))
    else:
        assert arguments[:2] == ["-m", "simulator"]


def test_the_image_runs_the_web_process_when_it_is_told_nothing() -> None:
    (command,) = re.findall(r"^CMD (.+)$", FINAL_STAGE, re.MULTILINE)

    assert yaml.safe_load(command) == shlex.split(PROCFILE["web"])


@pytest.mark.parametrize("queue", Queue)
def test_every_queue_is_consumed_by_exactly_one_worker(queue: Queue) -> None:
    consumers = [name for name, command in WORKERS.items() if queue in queues(command)]

    assert consumers == [queue]


def test_every_worker_consumes_only_queues_that_exist() -> None:
    assert {queue for command in WORKERS.values() for queue in queues(command)} == set(Queue)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_our_processes_is_a_setting(name: str) -> None:
    assert set(OURS[name]["environment"]) <= FIELDS


def test_every_variable_that_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))

    assert asked - {"SETTINGS_FILE"} <= set(example())


def test_the_example_has_every_setting_and_no_other() -> None:
    assert set(example()) == FIELDS | COMPOSE_ONLY - {"SETTINGS_FILE"}


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    shown = "".join(f"{name}={value}\n" for name, value in example().items())

    Path(".env").write_text(shown)
    from_example = load_settings()
    Path(".env").unlink()

    assert from_example == load_settings()


def test_the_demo_settings_are_settings() -> None:
    demo = dotenv_values(ROOT / "deploy/demo.env")

    assert set(demo) <= FIELDS | COMPOSE_ONLY
    assert demo["SETTINGS_FILE"] == "deploy/demo.env"
    load_settings(**{name.lower(): value for name, value in demo.items()})


def test_every_volume_is_declared_and_used() -> None:
    used = {mount.split(":")[0] for one in SERVICES.values() for mount in one.get("volumes", ())}

    assert used == set(COMPOSE["volumes"])


def test_only_workers_may_write_to_the_archive() -> None:
    writers = {
        name for name, one in OURS.items() if "archive:/srv/archive" in one.get("volumes", ())
    }

    assert writers == set(WORKERS)
    assert SERVICES["web"]["volumes"] == ["archive:/srv/archive:ro"]


def test_every_port_is_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_database_and_the_broker_are_not_published() -> None:
    assert not any("ports" in SERVICES[name] for name in ("postgres", "valkey"))


def test_every_image_has_a_version_and_no_registry() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images = {*bases, *(service["image"] for service in SERVICES.values())}

    assert all(re.fullmatch(r"[a-z-]+(/[a-z-]+)?:v?\d[\w.-]*", image) for image in images), images


def test_our_image_has_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert {service["image"] for service in OURS.values()} == {f"webex-ingest:{version}"}


def test_nothing_runs_as_root_or_gains_rights() -> None:
    (user,) = re.findall(r"^USER (\S+)", FINAL_STAGE, re.MULTILINE)

    assert user not in {"root", "0"}
    assert all(service["cap_drop"] == ["ALL"] for service in OURS.values())
    assert not any("user" in service or "privileged" in service for service in OURS.values())


def test_the_image_that_runs_is_not_built_in() -> None:
    assert not re.search(r"pip|apt-get|gcc|build-essential", FINAL_STAGE)


def test_everything_is_installed_by_its_hash() -> None:
    installs = re.findall(r"pip .*? install (.+)", DOCKERFILE)

    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copies for source in line.split()}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}

    assert sources == sent
    assert all((ROOT / source).exists() for source in sources)


def test_everything_waits_for_what_it_needs() -> None:
    needs = {"valkey", "postgres", "migrate"}

    for name in {*WORKERS, "web", "beat", "flower"}:
        conditions = {each: how["condition"] for each, how in SERVICES[name]["depends_on"].items()}
        assert set(conditions) == needs
        assert conditions.pop("migrate") == "service_completed_successfully"
        assert set(conditions.values()) == {"service_healthy"}
    assert all("healthcheck" in SERVICES[name] for name in needs - {"migrate"})


def test_the_broker_keeps_what_it_was_given() -> None:
    words = shlex.split(SERVICES["valkey"]["command"])

    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"


def test_the_health_check_of_the_web_asks_a_route_that_exists(tmp_path: Path) -> None:
    settings = load_settings(
        celery_broker_url="redis://127.0.0.1:1/0",
        database_url=f"sqlite:///{tmp_path / 'webex-ingest.db'}",
        webex_webhook_secret="a-secret",
    )
    paths = re.findall(r"http://127\.0\.0\.1:8080(/\w+)", str(SERVICES["web"]["healthcheck"]))

    rules = {rule.rule for rule in create_app(build_runtime(settings)).url_map.iter_rules()}
    assert set(paths) == {"/livez"}
    assert set(paths) <= rules


def test_the_wheel_holds_every_file_of_the_program(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.md")
    for name in ("app", "workers", "simulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    wanted = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)

    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()


def queues(command: str) -> list[str]:
    words = shlex.split(command)
    return words[words.index("--queues") + 1].split(",")


def example() -> dict[str, str]:
    """The names and values of the example, every one of which is commented out."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
