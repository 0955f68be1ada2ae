from __future__ import annotations

import math

import pytest

from idf.training.divergence import GRACE_STEPS, DivergenceGuard


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_non_finite_loss_stops_at_once(bad: float) -> None:
    guard = DivergenceGuard(24.0)
    assert guard.update([9.0, 9.0]) is None
    assert guard.update([9.0, bad, 9.0]) == f"the loss became {bad} at step 4"


def test_a_high_start_and_a_single_spike_are_tolerated() -> None:
    guard = DivergenceGuard(24.0)
    assert guard.update([60.0 * 0.9**step + 8 for step in range(GRACE_STEPS)]) is None
    assert guard.update([200.0] + [9.0] * 50) is None


def test_a_loss_that_stays_high_stops_and_names_the_setting() -> None:
    guard = DivergenceGuard(24.0)
    reason = guard.update([9.0] * GRACE_STEPS + [60.0] * 200)
    assert reason is not None
    assert "training.diverged_bits=24" in reason


def test_the_state_can_be_restored() -> None:
    losses = [10.0 + step % 7 for step in range(300)]
    whole, first = DivergenceGuard(24.0), DivergenceGuard(24.0)
    whole.update(losses)
    first.update(losses[:123])
    second = DivergenceGuard(24.0, first.smoothed, first.steps)
    second.update(losses[123:])
    assert second == whole
