"""The tasks: doorsteps onto the use cases, with one integer as their only argument."""

from collections.abc import Callable

from celery import Celery

from app.dispatch.broker import (
    ACCOUNTS_TASK,
    BACKFILL_TASK,
    POLICY_TASK,
    RECHECK_TASK,
    RUN_TASK,
    SCRUB_TASK,
    SWEEP_TASK,
    WEBHOOKS_TASK,
)
from app.ingestion.auto_record import judge_due
from app.ingestion.backfill import backfill_due
from app.ingestion.diagnosis import Place
from app.ingestion.recheck import recheck_due
from app.ingestion.registration import reactivate
from app.ingestion.run import run_ingest
from app.ingestion.scrub import scrub_due
from app.ingestion.sweep import WORK_QUEUES, nudge_due, sweep
from app.runtime import Runtime


def register_tasks(app: Celery, runtime: Runtime) -> None:
    """Give the application its tasks, working with ``runtime``."""
    bench = runtime.bench

    # No soft limit: an exception in the middle of a sweep would look like a fault of one event.
    @app.task(name=SWEEP_TASK, time_limit=90)
    def sweep_once() -> None:
        sweep(bench)

    for name, work in _kept_up(runtime).items():
        _register(app, name, work)

    @app.task(name=RUN_TASK)
    def run(ingest_id: int) -> None:
        run_ingest(bench, ingest_id)
        # Claiming here as well keeps the work going when beat is dead.
        if not bench.stopping():
            for queue in WORK_QUEUES:
                nudge_due(bench, queue)


def _kept_up(runtime: Runtime) -> dict[str, Callable[[], object]]:
    """What beat asks for besides the sweep."""
    bench, settings = runtime.bench, runtime.settings

    def keep_webhooks() -> None:
        if settings.webhook_address is not None:
            secret = next(iter(settings.webhook_secrets), None)
            reactivate(bench, Place(settings.webhook_address, secret))

    return {
        ACCOUNTS_TASK: lambda: bench.accounts.look_after(bench.patience),
        POLICY_TASK: lambda: judge_due(bench),
        RECHECK_TASK: lambda: recheck_due(bench),
        BACKFILL_TASK: lambda: backfill_due(bench),
        SCRUB_TASK: lambda: scrub_due(bench),
        WEBHOOKS_TASK: keep_webhooks,
    }


def _register(app: Celery, name: str, work: Callable[[], object]) -> None:
    @app.task(name=name)
    def do() -> None:
        work()
