"""Rule 18 and detail D20: how far apart attempts are, and when they end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slct_runtime.core.commands import RetryPolicy
from slct_runtime.retry import delay_ms, may_retry


def test_d20_delays_double_up_to_the_maximum() -> None:
    policy = RetryPolicy()
    assert [delay_ms(policy, attempt, 0.5) for attempt in range(1, 10)] == [
        500,
        1000,
        2000,
        4000,
        8000,
        16000,
        32000,
        60000,
        60000,
    ]


def test_d20_ten_attempts_by_default() -> None:
    assert may_retry(RetryPolicy(), 9, ())
    assert not may_retry(RetryPolicy(), 10, ())


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_d20_jitter_stays_within_a_tenth(attempt: int, chance: float) -> None:
    policy = RetryPolicy(max_attempts=None)
    plain = delay_ms(policy, attempt, 0.5)
    assert 0.9 * plain - 1 <= delay_ms(policy, attempt, chance) <= 1.1 * plain + 1
    assert may_retry(policy, attempt, ("builtins:ValueError",))


def test_non_retryable_types_end_it_by_full_or_bare_name_of_any_base() -> None:
    types = ("shop:SoldOut", "shop:ShopError", "builtins:Exception")
    assert not may_retry(RetryPolicy(non_retryable=("shop:ShopError",)), 1, types)
    assert not may_retry(RetryPolicy(non_retryable=("SoldOut",)), 1, types)
    assert may_retry(RetryPolicy(non_retryable=("OSError",)), 1, types)
