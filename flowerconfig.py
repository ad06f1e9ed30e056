"""Flower for the operator: on this machine only, behind the password, looking and never touching.

``celery -A workers flower --conf=flowerconfig.py``. Options on the command line win over this
file. Flower leaves ``/metrics`` and ``/healthcheck`` open to everybody who reaches its port; they
name workers and tasks.
"""

import base64
import secrets
import sys
from typing import Any

from celery import current_app
from flower.events import EventsState  # type: ignore[import-untyped]  # Flower has no types
from flower.inspector import Inspector  # type: ignore[import-untyped]  # Flower has no types
from flower.views import BaseHandler  # type: ignore[import-untyped]  # Flower has no types
from tornado.web import HTTPError

from app.config import load_settings
from app.errors import SettingsError
from app.models.passwords import OperatorPassword

NOTHING_SAID = {"args": "", "kwargs": "", "result": ""}


def operator_password() -> OperatorPassword:
    """The password of the settings; ends Flower with one sentence when there is none."""
    try:
        password = load_settings().with_hashed_password().operator_password
    except SettingsError as error:
        sys.exit(f"webex-ingest: {error}")
    if password is None:
        sys.exit("webex-ingest: OPERATOR_PASSWORD: must be set, since Flower asks for it")
    return OperatorPassword(password.get_secret_value())


def ask_for(password: OperatorPassword) -> None:
    """Let Flower compare with the hash: by itself it has to know the password."""

    def get_current_user(handler: Any) -> bool:
        scheme, _, encoded = handler.request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, given = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except ValueError:
            name = given = b""
        is_named = (scheme.lower(), name) == ("basic", b"operator")
        if not is_named or not password.check(given, "", before=lambda: None):
            raise HTTPError(401)
        return True

    BaseHandler.get_current_user = get_current_user


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
ask_for(operator_password())

# Flower asks workers from many threads, each with a connection in hand that wants a second one:
# with the small pool that is enough for workers all of them would wait for each other for ever.
current_app.conf.broker_pool_limit = None

address = "127.0.0.1"
port = 5555
# Flower wants to see that there is a password; this one opens nothing, see ask_for().
basic_auth = [f"nobody:{secrets.token_urlsafe(32)}"]
read_only = True
enable_events = False  # our workers always send them
tasks_columns = "name,uuid,state,received,started,runtime,worker,routing_key"
max_tasks = 10_000
max_workers = 500
persistent = False
purge_offline_workers = None
xheaders = False
