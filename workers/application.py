"""The Celery application: its settings, beat's schedule, and how a worker starts and stops."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery, signals
from celery.concurrency.prefork import TaskPool as ForkingPool

from app.db.schema import check_schema
from app.db.ticks import BEAT
from app.dispatch.broker import (
    ACCOUNTS_TASK,
    BACKFILL_TASK,
    POLICY_TASK,
    RECHECK_TASK,
    SCRUB_TASK,
    SWEEP_TASK,
    WEBHOOKS_TASK,
    broker_settings,
)
from app.errors import IngestError
from app.logs import configure_logs
from app.models.words import Queue
from app.runtime import Runtime, required_broker
from workers.pulse import begin_pulse, worker_names
from workers.steady import is_steady
from workers.stopping import SharedFlag, end_after, end_without_a_reader, ending
from workers.tasks import register_tasks

SWEEP_EXPIRES_SECONDS = 10
ACCOUNTS_SECONDS = 60.0
"""How often tokens that will soon be over are looked for."""
POLICY_SECONDS = 10.0
"""How often planned meetings that somebody has made or changed are looked at."""
RECHECK_SECONDS = 60.0
"""How often transcripts that are due for it are compared with Webex's."""
BACKFILL_LOOK_SECONDS = 60.0
"""How often it is asked whether Webex's lists are to be read again, or read on."""
SCRUB_LOOK_SECONDS = 60.0
"""How often it is asked whether stored files are to be read again."""
LONGEST_STOP_SECONDS = 8
"""What works gives its lease back within a second or so; a pool may wait for a child for ever."""


def create_celery(build_runtime: Callable[[Callable[[], bool]], Runtime]) -> Celery:
    """Make the application that workers and beat run; opens no connection.

    ``build_runtime`` is handed the question whether the worker is stopping.
    """
    stop = SharedFlag()
    runtime = build_runtime(stop.is_set)
    settings = runtime.settings
    app = Celery("webex-ingest")
    app.conf.update(broker_settings(required_broker(settings)))
    app.conf.update(worker_settings())
    app.conf.beat_schedule = {
        "sweep": _scheduled(SWEEP_TASK, settings.sweep_seconds, expires=SWEEP_EXPIRES_SECONDS),
        "accounts": _scheduled(ACCOUNTS_TASK, ACCOUNTS_SECONDS),
        "backfill": _scheduled(BACKFILL_TASK, BACKFILL_LOOK_SECONDS),
        "webhooks": _scheduled(WEBHOOKS_TASK, settings.webhook_health_seconds),
    }
    if settings.policy.switches_on:
        app.conf.beat_schedule["policy"] = _scheduled(POLICY_TASK, POLICY_SECONDS)
    if settings.recheck_days:
        app.conf.beat_schedule["recheck"] = _scheduled(RECHECK_TASK, RECHECK_SECONDS)
    if settings.scrub_days:
        app.conf.beat_schedule["scrub"] = _scheduled(SCRUB_TASK, SCRUB_LOOK_SECONDS)
    register_tasks(app, runtime)
    runtime.counts.keep()
    _connect_signals(runtime, stop)
    return app


def _scheduled(task: str, seconds: float, *, expires: float | None = None) -> dict[str, Any]:
    # What nobody took until the next one is due is worth nothing. What takes long must not stand
    # in the way of the sweep, which may have one process for itself.
    queue = Queue.CONTROL if task == SWEEP_TASK else Queue.POLL
    options = {"queue": queue, "expires": expires or seconds}
    return {"task": task, "schedule": seconds, "options": options}


def worker_settings() -> dict[str, Any]:
    """What only workers and beat need.

    A late acknowledgement and a redelivery of lost work are safe because attempts are counted
    in the database; otherwise a task that kills its worker would run for ever.
    """
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_store_errors_even_if_ignored": False,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "worker_max_tasks_per_child": 500,
        "worker_max_memory_per_child": 400_000,
        "worker_redirect_stdouts": False,
        "broker_pool_limit": 4,
        "beat_scheduler": "workers.steady:SteadyScheduler",
    }


def _connect_signals(runtime: Runtime, stop: SharedFlag) -> None:
    settings = runtime.settings

    def set_up_logs(**_: Any) -> None:
        configure_logs(log_format=settings.log_format, secrets=settings.secrets())

    def check_database(**_: Any) -> None:
        try:
            check_schema(runtime.bench.database)
            runtime.bench.database.dispose()
            runtime.bench.places.prepare()
        except IngestError as error:
            sys.stderr.write(f"webex-ingest: {error}\n")
            sys.exit(1)

    def stop_working(**_: Any) -> None:
        stop.set()
        end_after(LONGEST_STOP_SECONDS)

    def child_begins(**_: Any) -> None:
        end_without_a_reader()

    def bound_the_end_of_beat() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ending(signal.getsignal(number), LONGEST_STOP_SECONDS))

    def beat_works(sender: Any, **_: Any) -> None:
        bound_the_end_of_beat()
        begin_pulse(runtime.bench, [BEAT], lives=lambda: is_steady(sender.scheduler))

    # Celery keeps only weak references to receivers unless told otherwise.
    signals.setup_logging.connect(set_up_logs, weak=False)
    signals.celeryd_init.connect(check_database, weak=False)
    signals.worker_shutting_down.connect(stop_working, weak=False)
    signals.worker_process_init.connect(child_begins, weak=False)
    signals.beat_init.connect(beat_works, weak=False)
    _connect_tasks(runtime)
    _connect_pulse(runtime)


def _connect_pulse(runtime: Runtime) -> None:
    """Let a worker say that it is there, from where its tasks run.

    A process that forks others has no connection open: none may cross a fork.
    """
    names: list[str] = []

    def worker_is_set_up(sender: str, instance: Any, **_: Any) -> None:
        names[:] = worker_names(instance.app.amqp.queues.consume_from, sender)

    def child_begins(**_: Any) -> None:
        begin_pulse(runtime.bench, names)

    def worker_begins(sender: Any, **_: Any) -> None:
        if not isinstance(sender.pool, ForkingPool):
            begin_pulse(runtime.bench, names)

    signals.celeryd_after_setup.connect(worker_is_set_up, weak=False)
    signals.worker_process_init.connect(child_begins, weak=False)
    signals.worker_ready.connect(worker_begins, weak=False)


def _connect_tasks(runtime: Runtime) -> None:
    """Let each line that a task logs tell which one, and nothing be lost with a child that ends."""

    def task_begins(sender: Any, task_id: str, **_: Any) -> None:
        name = sender.name.removeprefix("webex_ingest.")
        structlog.contextvars.bind_contextvars(task=name, task_id=task_id)

    def task_ends(**_: Any) -> None:
        structlog.contextvars.unbind_contextvars("task", "task_id")

    def child_ends(**_: Any) -> None:
        runtime.counts.flush_if_possible()

    signals.task_prerun.connect(task_begins, weak=False)
    signals.task_postrun.connect(task_ends, weak=False)
    signals.worker_process_shutdown.connect(child_ends, weak=False)
