"""What commands work with: the settings of this folder, and tools made from them."""

import time

import click

from app.cli.output import say
from app.config import load_settings
from app.db.schema import check_schema
from app.logs import configure_logs
from app.runtime import Runtime, build_runtime

NO_BROKER = "memory://localhost"
"""Without a broker a command only writes rows; the sweep of a running `serve` finds them."""


_LONGEST_SILENCE_SECONDS = 5


def wait_for_budget(seconds: float) -> None:
    """Wait, as only a command may, until the budget of requests allows another one."""
    if seconds > _LONGEST_SILENCE_SECONDS:
        say(f"The budget of requests is spent: on in {seconds:.0f} seconds.", err=True)
    time.sleep(seconds)


def command_runtime(*, with_database: bool = True) -> Runtime:
    """The tools of a command; raises SettingsError, and SchemaMismatch unless told not to look."""
    settings = load_settings()
    configure_logs(log_format=settings.log_format, secrets=settings.secrets())
    runtime = build_runtime(settings, broker_url=None if settings.celery_broker_url else NO_BROKER)
    if with_database:
        check_schema(runtime.bench.database)
    context = click.get_current_context(silent=True)
    if context is not None:
        # What a command has asked Webex is counted at its end.
        context.call_on_close(runtime.counts.flush_if_possible)
    return runtime
