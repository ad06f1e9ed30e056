"""The wiring: settings become the tools that the doors hand to the use cases."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests

from app.archive.limits import Limits
from app.archive.media import media_session
from app.archive.places import Places
from app.archive.store import Archive
from app.config import Settings
from app.db.intake import Intake
from app.dispatch.broker import Broker
from app.dispatch.gate import SharedGate
from app.errors import SettingsError
from app.ingestion.workbench import Pace, Workbench
from app.models.times import Clock, utc_now
from app.models.words import Queue
from app.opening import open_database
from app.webex.client import WebexClient


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a door needs: the settings, the tools, and the way to the workers."""

    settings: Settings
    bench: Workbench
    broker: Broker


def build_runtime(
    settings: Settings,
    *,
    broker_url: str | None = None,
    clock: Clock = utc_now,
    stopping: Callable[[], bool] = lambda: False,
) -> Runtime:
    """Make the tools; opens nothing yet, so it may be built before a process forks.

    ``broker_url`` replaces the one of the settings. Raises SettingsError when settings
    do not fit together.
    """
    broker_url = broker_url or required_broker(settings)
    broker = Broker(broker_url)
    database = open_database(settings)
    bench = Workbench(
        database=database,
        intake=Intake(database),
        webex=webex_client(settings, broker_url=broker_url, clock=clock),
        archive=Archive(settings.archive_dir.absolute(), settings.disk_reserve_bytes),
        sender=broker,
        clock=clock,
        pace=_pace(settings),
        limits=Limits(
            settings.download_hosts, settings.transfer_max_bytes, ranges=settings.transfer_ranges
        ),
        places=Places(settings.transfer_per_host),
        path_template=settings.archive_path_template,
        media=_MediaSessions().session,
        in_flight={
            Queue.POLL: 4 * settings.transfer_concurrency,
            Queue.TRANSFER: 2 * settings.transfer_concurrency,
        },
        stopping=stopping,
    )
    return Runtime(settings, bench, broker)


def webex_client(settings: Settings, *, broker_url: str, clock: Clock = utc_now) -> WebexClient:
    """A client that asks as the account of the settings, within the shared budget."""
    token = settings.webex_access_token
    value = token.get_secret_value() if token else None
    gate = SharedGate(
        broker_url, token_name=value or "none", per_minute=settings.rate_limit_per_minute
    )
    return WebexClient(str(settings.webex_api_url), token=lambda: value, gate=gate, clock=clock)


def required_broker(settings: Settings) -> str:
    """The broker's address; SettingsError where there is none."""
    if settings.celery_broker_url is None:
        raise SettingsError(
            "CELERY_BROKER_URL: is empty; set it to redis://… or amqp://…, "
            "or run `webex-ingest serve`, which starts its own broker"
        )
    return settings.celery_broker_url.get_secret_value()


def _pace(settings: Settings) -> Pace:
    return Pace(
        first_seconds=settings.poll_first_seconds,
        max_seconds=settings.poll_max_seconds,
        give_up_seconds=settings.poll_give_up_hours * 3600,
        settle_seconds=settings.settle_seconds,
        lease_seconds=settings.lease_seconds,
        sweep_seconds=settings.sweep_seconds,
    )


class _MediaSessions:
    """One session per thread: connections are kept, and never shared."""

    def __init__(self) -> None:
        self._local = threading.local()

    def session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = media_session()
        session: requests.Session = self._local.session
        return session
