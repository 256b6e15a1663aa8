"""Requests a minute and caller; counted in Redis where there is one, else in this process."""

import time
from concurrent.futures import ThreadPoolExecutor

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

REDIS_SECONDS = 0.1
REDIS_ANSWER_SECONDS = 0.25
"""For the whole answer: the time above is for each piece of it, and an answer may come byte by byte."""
REDIS_PAUSE_SECONDS = 5.0
ASKERS = 4


class Limiter:
    def __init__(self, per_minute: int, redis_url: str | None) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._shared = FixedWindowRateLimiter(redis_storage(redis_url)) if redis_url else None
        self._askers = ThreadPoolExecutor(ASKERS, "rate-limits") if redis_url else None
        self._shared_again_at = 0.0

    def hit(self, caller: str) -> int | None:
        if self._shared is not None and self._askers is not None and time.monotonic() >= self._shared_again_at:
            try:
                return self._askers.submit(self._hit, self._shared, caller).result(REDIS_ANSWER_SECONDS)
            except Exception:
                # Redis being away must not turn anybody away, nor cost each request its timeout.
                self._shared_again_at = time.monotonic() + REDIS_PAUSE_SECONDS
        return self._hit(self._memory, caller)

    def _hit(self, strategy: FixedWindowRateLimiter, caller: str) -> int | None:
        if strategy.hit(self._item, caller):
            return None
        return max(1, int(strategy.get_window_stats(self._item, caller).reset_time - time.time()) + 1)


class NoLimit:
    def hit(self, caller: str) -> int | None:
        return None


def redis_storage(url: str) -> RedisStorage:
    return RedisStorage(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
