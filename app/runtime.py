"""The wiring: settings become the tools that the doors hand to the use cases."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import requests

from app.archive.limits import Limits
from app.archive.media import media_session
from app.archive.places import Places
from app.archive.store import Archive
from app.config import Settings
from app.db.counts import AccountMeter, Counts
from app.db.engine import Database
from app.db.intake import Intake
from app.db.sealing import Sealer
from app.dispatch.broker import Broker
from app.dispatch.gate import SharedGate
from app.errors import SettingsError
from app.ingestion.accounts import Accounts
from app.ingestion.tokens import Given, TokenKeeper
from app.ingestion.workbench import Pace, Workbench
from app.logs import hide
from app.models.times import Clock, utc_now
from app.models.words import Queue
from app.opening import open_database
from app.webex.sign_in import App, renew


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a door needs: the settings, the tools, and the way to the workers."""

    settings: Settings
    bench: Workbench
    broker: Broker
    counts: Counts


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
    counts = Counts(database)
    bench = Workbench(
        database=database,
        intake=Intake(database),
        accounts=make_accounts(
            settings, database, broker_url=broker_url, counts=counts, clock=clock
        ),
        archive=Archive(settings.archive_dir.absolute(), settings.disk_reserve_bytes),
        sender=broker,
        clock=clock,
        pace=_pace(settings),
        policy=settings.policy,
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
    return Runtime(settings, bench, broker, counts)


def make_accounts(
    settings: Settings,
    database: Database,
    *,
    broker_url: str,
    counts: Counts,
    clock: Clock = utc_now,
) -> Accounts:
    """The accounts of the settings and of the database, each within its shared budget."""
    api_url = str(settings.webex_api_url)
    given = _given(settings)
    sealer = Sealer([key.get_secret_value() for key in settings.encryption_key])
    keeper = TokenKeeper(
        database,
        sealer,
        renew=partial(renew, api_url, clock=clock),
        given=given,
        clock=clock,
        hide=hide,
    )

    def make_gate(name: str) -> SharedGate:
        # Webex limits whoever a token belongs to; the token itself changes.
        owner = name or (given.app.client_id if given.app else given.access_token) or "none"
        return SharedGate(
            broker_url,
            token_name=owner,
            per_minute=settings.rate_limit_per_minute,
            meter=AccountMeter(counts, name),
        )

    return Accounts(
        database,
        keeper,
        api_url=api_url,
        make_gate=make_gate,
        clock=clock,
        given_role=settings.webex_role,
    )


def oauth_app(settings: Settings) -> App:
    """The Integration or Service App of the settings; raises SettingsError where there is none."""
    if not settings.webex_client_id or settings.webex_client_secret is None:
        raise SettingsError(
            "WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET: must be set, to those of your Integration "
            "at developer.webex.com"
        )
    return App(settings.webex_client_id, settings.webex_client_secret.get_secret_value())


def _given(settings: Settings) -> Given:
    access_token, refresh_token = settings.webex_access_token, settings.webex_refresh_token
    if refresh_token is not None and not settings.encryption_key:
        raise SettingsError(
            "ENCRYPTION_KEY: must be set where WEBEX_REFRESH_TOKEN is: its tokens are stored; "
            "`webex-ingest init` makes a key"
        )
    return Given(
        access_token=access_token.get_secret_value() if access_token else None,
        app=oauth_app(settings) if refresh_token else None,
        refresh_token=refresh_token.get_secret_value() if refresh_token else None,
    )


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
        extra_resources=settings.extra_resources,
        recheck_days=settings.recheck_days,
        backfill_seconds=settings.backfill_seconds,
        backfill_days=settings.backfill_days,
        scrub_days=settings.scrub_days,
        scrub_bytes_per_second=settings.scrub_bytes_per_second,
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
