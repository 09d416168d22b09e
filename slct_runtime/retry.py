"""When a failed effect is attempted again, and when there is no more time for it (rule 18, detail D20).

Pure: time and chance are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

from .core.commands import EffectRequest, RetryPolicy


def delay_ms(policy: RetryPolicy, attempt: int, chance: float) -> int:
    """Pause after attempt number `attempt` (from 1), in milliseconds.

    `chance`, from 0 to 1, places it within the jitter: 0.5 is the delay itself.
    """
    exponent = min(attempt - 1, 64)  # beyond that every sensible factor has long met the maximum
    plain = min(float(policy.delay_ms_max), policy.first_delay_ms * policy.factor**exponent)
    return max(0, round(plain * (1 + policy.jitter * (2 * chance - 1))))


def may_retry(policy: RetryPolicy, attempt: int, error_types: Sequence[str]) -> bool:
    """Whether an attempt that ended in an error of these types (most derived first) is followed by another."""
    if policy.max_attempts is not None and attempt >= policy.max_attempts:
        return False
    return not any(
        name in policy.non_retryable or name.rpartition(":")[2] in policy.non_retryable for name in error_types
    )


def closes_ms(request: EffectRequest, requested_ms: int) -> int | None:
    """When its time over all attempts is over, in Unix milliseconds; None if it has all the time."""
    limit_ms = request.schedule_to_close_timeout_ms
    return None if limit_ms is None else requested_ms + limit_ms


def has_time(request: EffectRequest, requested_ms: int, due_ms: int) -> bool:
    """Whether an attempt may still begin then. One that may not is not waited for: the effect fails at once, as it did last."""
    end_ms = closes_ms(request, requested_ms)
    return end_ms is None or due_ms < end_ms


def closed_text(request: EffectRequest, failed_count: int) -> str:
    """What a `TimeoutError` says of an effect whose time over all attempts is over; so many of them had failed."""
    limit_s = (request.schedule_to_close_timeout_ms or 0) / 1000
    failed = {0: "no attempt had failed before", 1: "one attempt had failed before"}
    return (
        f"{request.function} took longer than its schedule_to_close_timeout of {limit_s:g} s: "
        f"{failed.get(failed_count, f'{failed_count} attempts had failed before')}"
    )
