"""When a failed effect is attempted again (rule 18, detail D20). Pure: time and chance are arguments."""

from __future__ import annotations

from collections.abc import Sequence

from .core.commands import RetryPolicy


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
