"""The tasks: doorsteps onto the use cases, with one integer as their only argument."""

from celery import Celery

from app.dispatch.broker import (
    ACCOUNTS_TASK,
    POLICY_TASK,
    RECHECK_TASK,
    RUN_TASK,
    SWEEP_TASK,
    WEBHOOKS_TASK,
)
from app.ingestion.auto_record import judge_due
from app.ingestion.diagnosis import Place
from app.ingestion.recheck import recheck_due
from app.ingestion.registration import reactivate
from app.ingestion.run import run_ingest
from app.ingestion.sweep import WORK_QUEUES, nudge_due, sweep
from app.runtime import Runtime


def register_tasks(app: Celery, runtime: Runtime) -> None:
    """Give the application its tasks, working with ``runtime``."""
    bench = runtime.bench

    # No soft limit: an exception in the middle of a sweep would look like a fault of one event.
    @app.task(name=SWEEP_TASK, time_limit=90)
    def sweep_once() -> None:
        sweep(bench)

    @app.task(name=ACCOUNTS_TASK)
    def keep_accounts() -> None:
        bench.accounts.look_after(bench.patience)

    @app.task(name=POLICY_TASK)
    def follow_policy() -> None:
        judge_due(bench)

    @app.task(name=RECHECK_TASK)
    def recheck() -> None:
        recheck_due(bench)

    @app.task(name=WEBHOOKS_TASK)
    def keep_webhooks() -> None:
        settings = runtime.settings
        if settings.webhook_address is not None:
            secret = next(iter(settings.webhook_secrets), None)
            reactivate(bench, Place(settings.webhook_address, secret))

    @app.task(name=RUN_TASK)
    def run(ingest_id: int) -> None:
        run_ingest(bench, ingest_id)
        # Claiming here as well keeps the work going when beat is dead.
        if not bench.stopping():
            for queue in WORK_QUEUES:
                nudge_due(bench, queue)
