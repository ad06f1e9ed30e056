"""``serve``: everything on one machine, started in order, restarted when it dies."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import structlog

from app.cli.output import json_option, print_json, say
from app.cli.programs import beat_program, flower_program, web_program, worker_program
from app.cli.state_folder import state_lock
from app.cli.supervisor import Program, Supervisor
from app.cli.valkey import valkey_program
from app.config import Settings, load_settings
from app.db.schema import check_schema, migrate
from app.errors import SettingsError
from app.logs import configure_logs
from app.models.words import DOOR, Queue
from app.opening import open_database

STATE_DIR = Path("var")
_POLL_THREADS = 8


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the web listens.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="At which port it listens.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Worker processes for polling, and as many for transfers.",
)
@click.option("--flower", is_flag=True, help="Flower as well, on 127.0.0.1:5555.")
@json_option
def serve(host: str, port: int, workers: int, flower: bool, as_json: bool) -> None:
    """Run everything on this machine.

    The broker, the web, workers and beat. Stops all of it on Ctrl-C or SIGTERM without losing work.

    \b
    Example: webex-ingest serve --port 8080 --workers 2
    """
    settings = load_settings()
    _check(settings, flower=flower)
    configure_logs(log_format=settings.log_format, secrets=settings.secrets())
    check_port_is_free(host, port)
    with state_lock(STATE_DIR):
        database = open_database(settings)
        migrate(database)
        check_schema(database)
        database.dispose()
        with _broker(settings) as (broker_programs, environment):
            programs = [
                *broker_programs,
                web_program(host, port, environment),
                *_workers(settings, workers, environment),
                beat_program(environment),
                *([flower_program(environment)] if flower else []),
            ]
            Supervisor(
                programs,
                log=structlog.get_logger(),
                on_started=lambda: _greet(_addresses(settings, host, port, flower), as_json),
            ).run()


def _check(settings: Settings, *, flower: bool) -> None:
    if not settings.webex_webhook_secret and not settings.allow_unsigned_webhooks:
        raise SettingsError(
            "WEBEX_WEBHOOK_SECRET: must be set (`webex-ingest init` makes one), "
            "or set ALLOW_UNSIGNED_WEBHOOKS=1 to believe everybody"
        )
    if flower and settings.operator_password is None:
        raise SettingsError(
            "OPERATOR_PASSWORD: must be set for --flower; `webex-ingest init` makes one"
        )


def check_port_is_free(host: str, port: int) -> None:
    """Raise SettingsError if something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"--port {port}: cannot listen on {host}:{port} ({error.strerror}); "
                "stop what is there, or choose another with --port"
            ) from None


@contextmanager
def _broker(settings: Settings) -> Iterator[tuple[list[Program], dict[str, str]]]:
    """Our own Valkey where no broker is set, and how the other programs find it.

    They are told the name of a file: a password on a command line or in an environment
    shows up in too many places.
    """
    if settings.celery_broker_url is not None:
        yield [], {}
        return
    valkey = valkey_program(STATE_DIR)
    url_file = (STATE_DIR / "valkey" / "url").absolute()
    url_file.touch(mode=0o600)
    url_file.write_text(valkey.url)
    yield [valkey.program], {"CELERY_BROKER_URL_FILE": str(url_file)}


def _workers(settings: Settings, workers: int, environment: dict[str, str]) -> list[Program]:
    programs = [worker_program("control", Queue.CONTROL, "prefork", 1, environment)]
    threads = {Queue.POLL: _POLL_THREADS, Queue.TRANSFER: settings.transfer_concurrency}
    for number in range(1, workers + 1):
        programs += [
            worker_program(f"{queue}{number}", queue, "threads", slots, environment)
            for queue, slots in threads.items()
        ]
    return programs


def _addresses(settings: Settings, host: str, port: int, flower: bool) -> dict[str, str]:
    here = f"http://{host}:{port}"
    outside = str(settings.public_url or here).rstrip("/")
    found = {"pages": f"{here}/", "webhooks": f"{outside}{DOOR}"}
    found["archive"] = str(settings.archive_dir.absolute())
    return found | ({"flower": "http://127.0.0.1:5555/"} if flower else {})


def _greet(addresses: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(addresses, indent=None)
    else:
        say(f"webex-ingest is ready: {addresses['pages']} (Ctrl-C stops it)")
        for name, address in addresses.items():
            say(f"  {name:10}{address}")
    sys.stdout.flush()
