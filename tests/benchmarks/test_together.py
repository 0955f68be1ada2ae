"""The benchmark of two blocks at once, on short excerpts."""

from __future__ import annotations

import pytest

from benchmarks.together import excerpts, measure
from idf.errors import DataError, RunError


def test_rates_are_measured_and_messages_compared() -> None:
    first, second = excerpts(0.1)
    assert first.shape == second.shape == (800, 1)
    rates = measure("fast", [first, second])
    assert min(rates.encode_single, rates.encode_joint, rates.decode_single, rates.decode_joint) > 100


def test_models_that_code_one_block_at_a_time_are_refused() -> None:
    with pytest.raises(RunError, match="turbo codes one block at a time"):
        measure("turbo", excerpts(0.1))


@pytest.mark.parametrize("seconds", [0.0, 1e4])
def test_impossible_lengths_are_refused(seconds: float) -> None:
    with pytest.raises(DataError, match="must be above 0 and at most"):
        excerpts(seconds)
