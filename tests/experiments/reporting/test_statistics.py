from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.reporting.statistics import (
    bootstrap_interval,
    compare_paired,
    interquartile_mean,
    rate_interval,
    sign_flip_p,
    steps_to,
    summarise,
)

VALUES = st.lists(st.floats(5, 15), min_size=1, max_size=20)


def test_a_summary_by_hand() -> None:
    summary = summarise([8.0, 9.0, 10.0, 13.0])
    assert (summary.count, summary.mean, summary.best, summary.worst) == (4, 10.0, 8.0, 13.0)
    assert summary.deviation == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3))
    assert summary.interquartile_mean == 9.5
    assert summary.interval is not None
    assert 8.0 < summary.interval.low < 10.0 < summary.interval.high < 13.0


def test_one_value_has_no_spread_and_none_has_nothing() -> None:
    one = summarise([8.5])
    assert (one.mean, one.interquartile_mean, one.deviation, one.interval) == (8.5, 8.5, None, None)
    assert summarise([]).mean is None


@given(VALUES)
def test_the_interquartile_mean_lies_in_the_middle(values: list[float]) -> None:
    found = interquartile_mean(values)
    low, high = np.percentile(values, [25, 75], method="lower")[0], np.percentile(values, 75, method="higher")
    assert low - 1e-9 <= found <= high + 1e-9


def test_the_interquartile_mean_weighs_parts() -> None:
    # A quarter of six values is one and a half: the second and the fifth count by half.
    assert interquartile_mean([0, 10, 20, 30, 50, 900]) == pytest.approx((5 + 20 + 30 + 25) / 3)
    # One outlier does not change it.
    assert interquartile_mean([9.0] * 9 + [1e6]) == 9.0


def test_the_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = bootstrap_interval(list(rng.normal(9.0, 0.1, 20)), resamples=500)
        assert found is not None
        hits += found.low <= 9.0 <= found.high
    assert 0.88 <= hits / 200 <= 0.98


def test_the_bootstrap_is_repeatable() -> None:
    assert bootstrap_interval([8.0, 9.0, 9.5]) == bootstrap_interval([8.0, 9.0, 9.5])
    assert bootstrap_interval([8.0]) is None


def test_rates() -> None:
    # Wilson (1927) as tabulated widely: 0 of 10 gives 0 to 27.8 %, 3 of 10 gives 10.8 to 60.3 %.
    none, three = rate_interval(0, 10), rate_interval(3, 10)
    assert none is not None
    assert three is not None
    assert (round(none.low, 3), round(none.high, 3)) == (0.0, 0.278)
    assert (round(three.low, 3), round(three.high, 3)) == (0.108, 0.603)
    assert rate_interval(0, 0) is None
    full = rate_interval(10, 10)
    assert full is not None
    assert (round(full.low, 3), round(full.high, 9)) == (0.722, 1.0)


def test_pairs_use_the_seeds_that_both_have() -> None:
    first, second = {0: 9.0, 1: 9.5, 2: 10.0, 7: 1.0}, {0: 8.9, 1: 9.5, 2: 9.7, 8: 1.0}
    paired = compare_paired(first, second)
    assert paired.seeds == (0, 1, 2)
    assert paired.difference == pytest.approx(-0.4 / 3)
    assert paired.wins == 2
    assert paired.interval is not None
    # |±0.1 ± 0 ± 0.3| reaches 0.4 for four of the eight sign patterns: those in which 0.1 and 0.3 have the same sign.
    assert paired.p_value == 0.5
    nothing = compare_paired({0: 1.0}, {1: 2.0})
    assert (nothing.seeds, nothing.difference, nothing.p_value) == ((), None, None)


def test_sign_flips_exactly() -> None:
    assert sign_flip_p([0.1] * 5) == 2 / 32
    assert sign_flip_p([-0.1, -0.2, -0.3, -0.1, -0.4, -0.2]) == 2 / 64
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([0.1, -0.1]) == 1.0


def test_sign_flips_by_chance_agree_with_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = list(np.random.default_rng(3).normal(0.05, 0.1, 14))
    exact = sign_flip_p(differences)
    monkeypatch.setattr("experiments.reporting.statistics.EXACT_PAIRS", 0)
    assert sign_flip_p(differences) == pytest.approx(exact, abs=0.02)
    assert sign_flip_p(differences) == sign_flip_p(differences)


def test_steps_to_a_target() -> None:
    curve = [(50, 9.5), (100, 9.0), (150, 9.2), (200, 8.9)]
    assert steps_to(curve, 9.0) == 100
    assert steps_to(curve, 8.0) is None
    assert steps_to([], 9.0) is None
