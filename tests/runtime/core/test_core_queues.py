"""Rates (rule 18): in any span, wherever it is laid, no more begin than allowed; and no fewer than could."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from slct_runtime._beginnings import NOTE_MS_MAX, began_before
from slct_runtime.core.queues import QueueLimits, RateLimit, Window, has_room
from slct_runtime.store.base import BeginningRow

rates = st.builds(RateLimit, st.integers(1, 5), st.integers(1, 40))


@given(rates, st.lists(st.integers(0, 30), max_size=40))
def test_rule_18_in_no_span_do_more_begin_than_the_rate_allows(rate: RateLimit, steps: list[int]) -> None:
    window, now_ms, began_ms = Window(), 0, list[int]()
    for step in steps:
        now_ms += step
        opens_ms = window.opens_ms(rate, now_ms)
        assert opens_ms is not None
        if opens_ms <= now_ms:
            window.note(now_ms)
            began_ms.append(now_ms)
        recent = [each for each in began_ms if each > now_ms - rate.per_ms]
        assert len(recent) <= rate.count
        if opens_ms > now_ms:
            assert len(recent) == rate.count, "it is closed only where one more would be too many"
            assert copy.deepcopy(window).opens_ms(rate, opens_ms) == opens_ms, "it opens when it said"


@given(rates, st.lists(st.integers(-30, 30), max_size=40))
def test_a_clock_that_is_set_back_holds_nothing_up_for_longer_than_the_rate(rate: RateLimit, steps: list[int]) -> None:
    window, now_ms = Window(), 1_000
    for step in steps:
        now_ms += step
        opens_ms = window.opens_ms(rate, now_ms)
        assert opens_ms is not None and opens_ms <= now_ms + rate.per_ms
        window.note(now_ms)


def test_those_about_to_begin_count_and_say_no_time() -> None:
    rate, window = RateLimit(2, 100), Window([7])
    assert window.opens_ms(rate, 10) == 10
    assert window.opens_ms(rate, 10, about_to_count=1) == 107
    assert window.opens_ms(rate, 10, about_to_count=2) is None
    assert window.opens_ms(None, 10, about_to_count=9) == 10


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, NOTE_MS_MAX), st.integers(1, 3)), max_size=8))
def test_rule_18_the_next_runtime_takes_the_latest_of_what_may_be(noted: list[tuple[int, int, int]]) -> None:
    """It left at most `NOTE_MS_MAX` after its note, and before the next runtime was there."""
    rows = [BeginningRow("mail", at_ms, count) for at_ms, _, count in noted]
    left_ms = sorted(at_ms + delay_ms for at_ms, delay_ms, count in noted for _ in range(count))
    opened_ms = max(left_ms, default=0)
    believed_ms = sorted(began_before(rows, opened_ms).get("mail", []))
    assert len(believed_ms) == len(left_ms)
    assert all(believed >= left for believed, left in zip(believed_ms, left_ms, strict=True))
    assert all(believed <= opened_ms for believed in believed_ms)


def test_room() -> None:
    assert [has_room(limit, 2) for limit in (None, 3, 2, 0)] == [True, True, False, False]
    assert QueueLimits("mail").is_open
    assert not QueueLimits("mail", rate=RateLimit(1, 1)).is_open
