"""Flower for the operator: on this machine only, behind the password, looking and never touching.

``celery -A workers flower --conf=flowerconfig.py``. Options on the command line win over this
file. Flower leaves ``/metrics`` and ``/healthcheck`` open to everybody who reaches its port; they
name workers and tasks.
"""

import sys
from typing import Any

from celery import current_app
from flower.events import EventsState  # type: ignore[import-untyped]  # Flower has no types
from flower.inspector import Inspector  # type: ignore[import-untyped]  # Flower has no types

from app.config import load_settings
from app.errors import SettingsError

NOTHING_SAID = {"args": "", "kwargs": "", "result": ""}


def operator_password() -> str:
    """The password of the settings; ends Flower with one sentence when there is none."""
    try:
        password = load_settings().operator_password
    except SettingsError as error:
        sys.exit(f"webex-ingest: {error}")
    if password is None:
        sys.exit("webex-ingest: OPERATOR_PASSWORD: must be set, since Flower asks for it")
    if not password.get_secret_value().isascii():
        # Flower answers every sign-in with an error then.
        sys.exit("webex-ingest: OPERATOR_PASSWORD: Flower can ask for ASCII characters only")
    return password.get_secret_value()


def format_task(task: Any) -> Any:
    """Show a task on the pages without what it was called with."""
    for name, nothing in NOTHING_SAID.items():
        setattr(task, name, nothing)
    return task


def forget_arguments() -> None:
    """Keep arguments and results out of Flower's memory: its API would show them as they came."""
    remember = EventsState.event

    def event(state: EventsState, event: dict[str, Any]) -> None:
        remember(
            state, event | {name: NOTHING_SAID[name] for name in event if name in NOTHING_SAID}
        )

    EventsState.event = event
    # What workers answer to these shows arguments too; the list of tasks has the same tasks.
    hidden = {"active", "reserved", "scheduled"}
    Inspector.inspect_methods = tuple(
        method for method in Inspector.inspect_methods if method not in hidden
    )


forget_arguments()

# Flower asks workers from many threads, each with a connection in hand that wants a second one:
# with the small pool that is enough for workers all of them would wait for each other for ever.
current_app.conf.broker_pool_limit = None

address = "127.0.0.1"
port = 5555
basic_auth = [f"operator:{operator_password()}"]
read_only = True
enable_events = False  # our workers always send them
tasks_columns = "name,uuid,state,received,started,runtime,worker,routing_key"
max_tasks = 10_000
max_workers = 500
persistent = False
purge_offline_workers = None
xheaders = False
