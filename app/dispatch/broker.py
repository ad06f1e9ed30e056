"""The broker, seen from those who only send: best effort, bounded in time, never the truth."""

from typing import Any

from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue as KombuQueue
from kombu.exceptions import ChannelError, KombuError, OperationalError

from app.models.words import Queue

ACCOUNTS_TASK = "webex_ingest.accounts"
WEBHOOKS_TASK = "webex_ingest.webhooks"
POLICY_TASK = "webex_ingest.policy"
RECHECK_TASK = "webex_ingest.recheck"
BACKFILL_TASK = "webex_ingest.backfill"
SCRUB_TASK = "webex_ingest.scrub"
SWEEP_TASK = "webex_ingest.sweep"
RUN_TASK = "webex_ingest.run"

_ACQUIRE_SECONDS = 1
_UNREACHABLE = (OperationalError, KombuError, ChannelError, OSError, TimeoutError)


def broker_settings(broker_url: str) -> dict[str, Any]:
    """The Celery settings that senders and workers share.

    The socket timeouts keep a frozen broker from holding a sender for ever; five seconds
    is more than the second that a worker's blocking read takes.
    """
    transport: dict[str, Any] = {}
    if broker_url.startswith("redis"):
        transport = {
            "visibility_timeout": 600,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
        }
    return {
        "broker_url": broker_url,
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_queues": [KombuQueue(queue, routing_key=queue) for queue in Queue],
        "task_default_queue": Queue.CONTROL,
        "task_default_routing_key": Queue.CONTROL,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_publish_retry": False,
    }


class Broker:
    """Sends nudges; whether one arrives is never relied upon."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("webex-ingest-sender", set_as_current=False)
        self._app.conf.update(broker_settings(broker_url))
        transport = dict(self._app.conf.broker_transport_options)
        if transport:
            transport |= {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "max_retries": 0}
        self._app.conf.broker_transport_options = transport
        self._app.conf.broker_pool_limit = 2

    def nudge(self, ingest_id: int, queue: Queue, *, expires_seconds: float) -> bool:
        """Ask a worker to look at one ingest; false if the broker did not take the message."""
        return self._send(RUN_TASK, (ingest_id,), queue, expires_seconds)

    def ask_for_sweep(self, *, expires_seconds: float) -> bool:
        """Ask a worker to look for new events and due work."""
        return self._send(SWEEP_TASK, (), Queue.CONTROL, expires_seconds)

    def depth(self, queue: Queue) -> int | None:
        """How many messages wait in a queue; None if the broker does not answer."""
        try:
            # One of the connections that are kept: a new one for each look costs ten times as much.
            with self._app.pool.acquire(block=True, timeout=_ACQUIRE_SECONDS) as connection:
                return _depth(connection, queue)
        except _UNREACHABLE:
            return None

    def queues_served(self) -> dict[str, list[str]]:
        """The workers that take work from each queue and answer within a second."""
        try:
            told = self._app.control.inspect(timeout=_ACQUIRE_SECONDS).active_queues() or {}
        except _UNREACHABLE:
            return {}
        served: dict[str, list[str]] = {}
        for worker, queues in sorted(told.items()):
            for queue in queues:
                served.setdefault(queue["name"], []).append(worker)
        return served

    def _send(self, name: str, args: tuple[int, ...], queue: Queue, expires: float) -> bool:
        try:
            self._app.send_task(
                name, args=args, queue=queue, expires=expires, retry=False, ignore_result=True
            )
        except _UNREACHABLE:
            return False
        return True


def _depth(connection: Connection, queue: Queue) -> int | None:
    connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=1)
    try:
        return int(connection.default_channel.queue_declare(queue, passive=True)[1])
    except ChannelError:
        return 0
    except connection.connection_errors:
        # What was kept is from before the broker was away; the next look connects anew.
        return None
