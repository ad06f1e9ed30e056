"""One budget of requests to Webex per token, over all workers, and a gate that a 429 closes."""

import hashlib
import time
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from app.errors import RateLimited

_LONGEST_CLOSED_SECONDS = 24 * 3600


class Gate(Protocol):
    """Asked before each request to Webex; told when Webex says "later"."""

    def enter(self) -> None:
        """Count one request; raises RateLimited when the budget is spent or the gate closed."""

    def close(self, seconds: float) -> None:
        """Let nobody pass for so long."""


class SharedGate:
    """A gate in Redis, shared by all processes; in this process alone when Redis is away."""

    def __init__(self, broker_url: str, *, token_name: str, per_minute: int) -> None:
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

    def close(self, seconds: float) -> None:
        """Let nobody pass for so long, one day at most."""
        seconds = min(seconds, _LONGEST_CLOSED_SECONDS)
        self._local.close(self._token, seconds)
        if self._shared is not None:
            try:
                self._shared.close(self._token, seconds)
            except RedisError:
                return


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

    def close(self, token: str, seconds: float) -> None:
        self._storage.incr(f"webex-ingest:closed:{token}", max(1, round(seconds)))


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        url, socket_timeout=1, socket_connect_timeout=1, key_prefix="webex-ingest:budget"
    )
