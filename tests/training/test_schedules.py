from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idf.config import OptimizerConfig, SharpnessConfig
from idf.training.schedules import learning_rate_schedule, sharpness_schedule

KINDS = ["constant", "step", "linear", "cosine"]
fractions = st.floats(0, 1).map(lambda x: round(x, 3))


@st.composite
def configs(draw: st.DrawFn) -> SharpnessConfig:
    begin, end = sorted([draw(fractions), draw(fractions)])
    return SharpnessConfig(
        kind=draw(st.sampled_from(KINDS)),
        start=draw(st.floats(-10, 0)),
        end=draw(st.floats(-10, 0)),
        begin_fraction=begin,
        end_fraction=end,
        boundaries=sorted(draw(st.sets(fractions, min_size=1, max_size=5))),
    )


@given(configs(), st.integers(1, 10_000))
def test_sharpness_is_monotonic_from_start_to_end(config: SharpnessConfig, steps: int) -> None:
    schedule = sharpness_schedule(config, steps)
    assert schedule is not None
    values = [schedule.at(step) for step in range(0, steps + 1, max(1, steps // 50))]
    low, high = sorted([config.start, config.end])
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
    rising = config.end >= config.start
    assert all((b - a) * (1 if rising else -1) >= -1e-9 for a, b in itertools.pairwise(values))
    assert schedule.at(steps) == pytest.approx(config.end)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_linear_and_cosine_begin_and_end_at_their_fractions(kind: str) -> None:
    config = SharpnessConfig(kind=kind, start=-4.0, end=-6.5, begin_fraction=0.2, end_fraction=0.6)
    schedule = sharpness_schedule(config, 100)
    assert schedule is not None
    assert [schedule.at(step) for step in (0, 20, 40, 60, 99)] == pytest.approx([-4, -4, -5.25, -6.5, -6.5])
    quarter = schedule.at(30)
    assert quarter == pytest.approx(-4.625 if kind == "linear" else -4.366, abs=1e-3)


def test_steps_jump_evenly_at_their_boundaries() -> None:
    schedule = sharpness_schedule(SharpnessConfig(kind="step", start=-4, end=-6, boundaries=[0.25, 0.5]), 100)
    assert schedule is not None
    assert [schedule.at(step) for step in (0, 24, 25, 49, 50, 99)] == [-4, -4, -5, -5, -6, -6]


def test_constant_is_the_end_value_and_learned_has_no_schedule() -> None:
    constant = sharpness_schedule(SharpnessConfig(kind="constant", end=-6.5), 10)
    assert constant is not None
    assert constant.at(0) == constant.at(9) == -6.5
    assert sharpness_schedule(SharpnessConfig(kind="learned"), 10) is None


@given(st.integers(1, 5000), st.integers(0, 4999), st.sampled_from(["cosine", "constant"]))
def test_learning_rate_rises_then_falls(steps: int, warmup: int, schedule: str) -> None:
    warmup = min(warmup, steps - 1)
    config = OptimizerConfig(learning_rate=0.01, schedule=schedule, warmup_steps=warmup)
    rate = learning_rate_schedule(config, steps)
    values = [rate.at(step) for step in range(steps)]
    assert all(0 < value <= 0.01 + 1e-12 for value in values)
    top = max(warmup - 1, 0)
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top + 1 :] == sorted(values[top + 1 :], reverse=True)
    assert values[top] == pytest.approx(0.01)
    if schedule == "constant":
        assert values[-1] == pytest.approx(0.01)
    else:
        assert rate.at(steps) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("steps", "warmup"), [(4000, 100), (400, 100), (60, 15), (2, 0)])
def test_warm_up_depends_on_the_steps_unless_it_is_set(steps: int, warmup: int) -> None:
    rate = learning_rate_schedule(OptimizerConfig(schedule="constant", learning_rate=1.0), steps)
    assert [rate.at(step) < 1 for step in range(steps)].count(True) == max(warmup - 1, 0)
