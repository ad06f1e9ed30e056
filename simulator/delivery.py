"""Webhooks on their way: who gets an event, how it is signed, sent, lost, doubled and counted."""

import hashlib
import hmac
import json
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests

from simulator.clock import milliseconds_text
from simulator.ids import organization_id, webex_id
from simulator.model import Webhook
from simulator.timeline import Schedule
from simulator.world import World


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `values` are what webhook filters compare."""

    resource: str
    event: str
    data: dict[str, Any]
    values: dict[str, str]
    host_email: str
    body: bytes | None = None
    signature: str = "valid"


@dataclass(frozen=True, slots=True)
class Delivery:
    webhook: Webhook
    event: Event
    body: bytes
    attempt: int = 1


class Courier:
    """Sends events to webhooks from threads of its own; call its methods with the lock held."""

    def __init__(self, world: World, schedule: Schedule) -> None:
        self._world = world
        self._schedule = schedule
        # Random order and random loss, not secrecy.
        self._random = random.Random(world.settings.random_seed)  # noqa: S311
        self._queue: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._in_flight = 0
        # A simulator that runs for weeks forgets its oldest deliveries.
        self.log: deque[dict[str, Any]] = deque(maxlen=200_000)
        self._threads = [
            threading.Thread(target=self._run, name=f"courier-{number}", daemon=True)
            for number in range(world.settings.delivery_threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float) -> None:
        for thread in self._threads:
            thread.join(timeout_seconds)

    def is_idle(self) -> bool:
        return not self._queue and not self._in_flight

    @property
    def held(self) -> int:
        return len(self._held)

    def announce(self, event: Event) -> int:
        """Send an event to every active webhook that wants it; return how many those are."""
        wanting = [hook for hook in self._world.webhooks.values() if self._wants(hook, event)]
        for webhook in wanting:
            body = event.body if event.body is not None else _envelope(webhook, event)
            self._accept(Delivery(webhook, event, body))
        self._world.changed.notify_all()
        return len(wanting)

    def release(self) -> int:
        """Send what was held back, in random order; return how many deliveries that is."""
        held, self._held = self._held, []
        self._random.shuffle(held)
        self._queue.extend(held)
        self._world.changed.notify_all()
        return len(held)

    def reseed(self, seed: int | None) -> None:
        self._random.seed(seed)

    def _wants(self, webhook: Webhook, event: Event) -> bool:
        if (webhook.resource, webhook.event) != (event.resource, event.event):
            return False
        if webhook.status != "active":
            return False
        if self._world.settings.strict_owner and webhook.owned_by == "creator":
            return webhook.created_by == event.host_email and _passes(webhook, event)
        return _passes(webhook, event)

    def _accept(self, delivery: Delivery) -> None:
        settings = self._world.settings
        if self._random.random() < settings.drop_ratio:
            self._note(delivery, outcome="dropped")
            return
        copies = [delivery] * settings.copies
        if settings.shuffle:
            self._held.extend(copies)
        else:
            self._queue.extend(copies)

    def _run(self) -> None:
        with self._world.changed:
            while not self._world.stopping.is_set():
                if not self._queue:
                    self._world.changed.wait()
                    continue
                delivery = self._queue.popleft()
                self._in_flight += 1
                try:
                    self._deliver(delivery)
                finally:
                    self._in_flight -= 1
                    self._world.changed.notify_all()

    def _deliver(self, delivery: Delivery) -> None:
        if self._world.webhooks.get(delivery.webhook.id) is not delivery.webhook:
            self._note(delivery, outcome="dropped", error="The webhook was deleted.")
            return
        if delivery.webhook.status != "active":
            self._note(delivery, outcome="dropped", error="The webhook is inactive.")
            return
        headers = _headers(delivery, with_webex_signature=self._world.settings.webex_signature)
        timeout_seconds = self._world.settings.timeout_seconds
        # The send must not hold the lock: the target may ask the API before it answers.
        self._world.lock.release()
        began = time.monotonic()
        try:
            status, error = _post(delivery, headers, timeout_seconds)
        finally:
            seconds = time.monotonic() - began
            self._world.lock.acquire()
        if status is not None and 200 <= status < 300:
            self._note(delivery, outcome="delivered", status=status, seconds=seconds)
            return
        self._note(delivery, outcome="failed", status=status, error=error, seconds=seconds)
        self._count_failure(delivery.webhook)
        self._retry(delivery)

    def _retry(self, delivery: Delivery) -> None:
        settings = self._world.settings
        if delivery.attempt > settings.delivery_retries or delivery.webhook.status != "active":
            return
        again = replace(delivery, attempt=delivery.attempt + 1)
        moment = self._world.now() + timedelta(seconds=settings.delivery_retry_seconds)
        self._schedule.at(moment, lambda: self._queue.append(again))

    def _count_failure(self, webhook: Webhook) -> None:
        now = self._world.now()
        window = timedelta(seconds=self._world.settings.disable_window_seconds)
        webhook.failures.append(now)
        while webhook.failures[0] <= now - window:
            webhook.failures.popleft()
        fragile = webhook.reactivated_at is not None and now < webhook.reactivated_at + window
        if fragile or len(webhook.failures) >= self._world.settings.disable_after_failures:
            webhook.status = "inactive"

    def _note(self, delivery: Delivery, **facts: Any) -> None:
        self.log.append(
            {
                "webhook_id": delivery.webhook.id,
                "target_url": delivery.webhook.target_url,
                "resource": delivery.event.resource,
                "event": delivery.event.event,
                "data_id": delivery.event.data.get("id"),
                "attempt": delivery.attempt,
                "at": milliseconds_text(self._world.now()),
                "status": None,
                "error": None,
                "seconds": None,
                **facts,
            }
        )


def parsed_filter(text: str | None) -> dict[str, str]:
    """Read `a=1&b=2`; raises ValueError with the part that is not of that form."""
    pairs = {}
    for part in (text or "").split("&") if text else []:
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(part)
        pairs[key] = value
    return pairs


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Return both signature headers of a body."""

    def digest(name: str) -> str:
        return hmac.new(secret.encode(), body, getattr(hashlib, name)).hexdigest()

    return {
        "X-Spark-Signature": digest("sha1"),
        "X-Webex-Signature": f"SHA-256={digest('sha256')},SHA-512={digest('sha512')}",
    }


def _passes(webhook: Webhook, event: Event) -> bool:
    wanted = parsed_filter(webhook.filter)
    return all(event.values.get(key) == value for key, value in wanted.items())


def _envelope(webhook: Webhook, event: Event) -> bytes:
    envelope = {
        **webhook.payload(),
        "orgId": organization_id(),
        "createdBy": webhook.created_by_id,
        "appId": webex_id("APPLICATION", "simulator"),
        "actorId": event.values.get("hostUserId", webhook.created_by_id),
        "data": event.data,
    }
    return json.dumps(envelope, ensure_ascii=False).encode()


def _headers(delivery: Delivery, *, with_webex_signature: bool) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "webex-simulator"}
    secret = delivery.webhook.secret
    if not secret or delivery.event.signature == "none":
        return headers
    if delivery.event.signature == "wrong":
        secret += "-but-another"
    signed = signatures(secret, delivery.body)
    if not with_webex_signature:
        del signed["X-Webex-Signature"]
    return headers | signed


def _post(
    delivery: Delivery, headers: dict[str, str], timeout_seconds: float
) -> tuple[int | None, str | None]:
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.post(
                delivery.webhook.target_url,
                data=delivery.body,
                headers=headers,
                timeout=timeout_seconds,
                allow_redirects=False,
            )
            return response.status_code, None
    except requests.RequestException as error:
        return None, type(error).__name__
