"""One budget of requests to Webex per token, over all workers, and a gate that a 429 closes."""

import hashlib
import math
import time
from contextlib import suppress
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from app.errors import RateLimited

_LONGEST_CLOSED_SECONDS = 24 * 3600
_FIRST_GUESS_SECONDS = 5
_LONGEST_GUESS_SECONDS = 60
_FORGET_GUESSES_SECONDS = 180


class Meter(Protocol):
    """Counts what comes of requests."""

    def answered(self, status: int | None) -> None:
        """Count an answer; None is for none."""

    def closed(self, seconds: float) -> None:
        """Count a pause."""


class SharedGate:
    """A gate in Redis, shared by all processes; in this process alone when Redis is away."""

    def __init__(
        self, broker_url: str, *, token_name: str, per_minute: int, meter: Meter | None = None
    ) -> None:
        self._meter = meter
        self._limit = RateLimitItemPerMinute(per_minute)
        self._token = hashlib.sha256(token_name.encode()).hexdigest()[:16]
        self._local = _Window(MemoryStorage())
        self._shared = _Window(_redis(broker_url)) if broker_url.startswith("redis") else None

    def enter(self) -> None:
        """Count one request; raises RateLimited when the budget is spent or the gate closed."""
        try:
            wait = (self._shared or self._local).take(self._limit, self._token)
        except RedisError:
            wait = self._local.take(self._limit, self._token)
        if wait > 0:
            raise RateLimited("our own request budget is spent", retry_after_seconds=wait)

    def close(self, seconds: float | None) -> float:
        """Let nobody pass for so long, one day at most; for how long it was closed, in seconds.

        None is for a "later" without a readable time: five seconds, doubling up to sixty
        while such answers go on.
        """
        closed, longer = self._local.close(self._token, seconds)
        if self._shared is not None:
            with suppress(RedisError):
                closed, longer = self._shared.close(self._token, seconds)
        if self._meter is not None and longer > 0:
            self._meter.closed(longer)
        return closed

    def answered(self, status: int | None) -> None:
        """Count what came of a request that was let pass; None where nothing came."""
        if self._meter is not None:
            self._meter.answered(status)


class _Window:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._limiter = MovingWindowRateLimiter(storage)

    def take(self, limit: RateLimitItemPerMinute, token: str) -> float:
        closed = f"webex-ingest:closed:{token}"
        if self._storage.get(closed):
            return max(1.0, self._storage.get_expiry(closed) - time.time())
        if self._limiter.hit(limit, token):
            return 0
        return max(1.0, self._limiter.get_window_stats(limit, token).reset_time - time.time())

    def close(self, token: str, seconds: float | None) -> tuple[float, float]:
        """For how long it is closed, and for how much longer than it was."""
        if seconds is None:
            guesses = self._storage.incr(f"webex-ingest:guesses:{token}", _FORGET_GUESSES_SECONDS)
            seconds = min(_FIRST_GUESS_SECONDS * 2.0 ** (guesses - 1), _LONGEST_GUESS_SECONDS)
        seconds = min(max(seconds, 1), _LONGEST_CLOSED_SECONDS)
        closed, now = f"webex-ingest:closed:{token}", time.time()
        longer = now + seconds - max(now, self._storage.get_expiry(closed))
        if longer > 0:
            # An expiry is set only with the first count, so a longer one needs a new key.
            self._storage.clear(closed)
        self._storage.incr(closed, math.ceil(seconds))
        return seconds, longer


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        url, socket_timeout=1, socket_connect_timeout=1, key_prefix="webex-ingest:budget"
    )
