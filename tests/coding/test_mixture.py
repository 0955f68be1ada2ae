from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from idf.coding.mixture import IntegerMixture, cumulative, ideal_bits, intervals, locate
from idf.coding.tables import coding_tables

Mixtures = dict[str, Callable[[np.random.Generator, int, int], IntegerMixture]]
Draw = Callable[[np.random.Generator, IntegerMixture], np.ndarray]


def row(logits: list[int], means: list[int], scales: list[int]) -> IntegerMixture:
    return IntegerMixture(*(np.array([values], np.int32) for values in (logits, means, scales)))


def specified_cumulative(mixture: IntegerMixture, index: int, k: int, precision: int) -> int:
    """Compute C(k) as docs/format.md says, in Python's unbounded integers."""
    tables = coding_tables()
    if k in (0, 2**16):
        return 2**precision * (k // 2**16)
    logits = [int(x) for x in mixture.logits[index]]
    powers = [int(tables.exp[min(max(logits) - x, 1408)]) for x in logits]
    weights = [power * 2**30 // sum(powers) for power in powers]
    weights[logits.index(max(logits))] += 2**30 - sum(weights)
    total = 0
    for weight, mean, scale in zip(weights, mixture.means[index], mixture.scales[index], strict=True):
        mean = min(max(int(mean), -(2**24)), 2**24)
        inverse = int(tables.inverse[min(max(int(scale), -192), 512) + 192])
        t = (((k - 2**15) * 256 - 128 - mean) * inverse) // 2**16
        t = min(max(t, -22 * 2**22), 22 * 2**22 - 1) + 22 * 2**22
        lo, hi = int(tables.sigma[t // 2**16]), int(tables.sigma[t // 2**16 + 1])
        total += weight * (lo + (hi - lo) * (t % 2**16) // 2**16)
    return k + (2**precision - 2**16) * (total // 2**30) // 2**32


@pytest.mark.parametrize("kind", ["typical", "extreme"])
@pytest.mark.parametrize("precision", [24, 28])
def test_kernel_computes_what_the_format_says(mixtures: Mixtures, kind: str, precision: int) -> None:
    rng = np.random.default_rng(1)
    for components in (1, 2, 10):
        mixture = mixtures[kind](rng, 40, components)
        symbols = rng.integers(-(2**15), 2**15, 40).astype(np.int32)
        symbols[:4] = -(2**15), -(2**15) + 1, 2**15 - 1, 2**15 - 2
        starts, freqs = intervals(symbols, mixture, precision)
        for i, z in enumerate(symbols):
            k = int(z) + 2**15
            assert starts[i] == specified_cumulative(mixture, i, k, precision)
            assert starts[i] + freqs[i] == specified_cumulative(mixture, i, k + 1, precision)


@pytest.mark.parametrize("kind", ["typical", "extreme"])
@pytest.mark.parametrize("precision", [24, 28])
def test_every_symbol_has_an_interval_and_they_fill_the_range(mixtures: Mixtures, kind: str, precision: int) -> None:
    rng = np.random.default_rng(2)
    for components in (1, 3, 10):
        mixture = mixtures[kind](rng, 25, components)
        for i in range(len(mixture)):
            c = cumulative(mixture, i, precision)
            assert c[0] == 0
            assert c[-1] == 2**precision
            assert np.diff(c).min() >= 1


@pytest.mark.parametrize("kind", ["typical", "extreme"])
def test_locate_undoes_intervals_at_both_ends(mixtures: Mixtures, kind: str) -> None:
    rng = np.random.default_rng(3)
    mixture = mixtures[kind](rng, 3000, 4)
    symbols = rng.integers(-(2**15), 2**15, 3000).astype(np.int32)
    symbols[::7], symbols[1::7] = -(2**15), 2**15 - 1
    starts, freqs = intervals(symbols, mixture)
    for targets in (starts, starts + freqs - 1):
        found = locate(targets, mixture)
        np.testing.assert_array_equal(found.symbols, symbols)
        np.testing.assert_array_equal(found.starts, starts)
        np.testing.assert_array_equal(found.freqs, freqs)


def test_frequencies_follow_the_logistic() -> None:
    mixture = row([0], [37 * 256], [5 * 32])
    freqs = np.diff(cumulative(mixture, 0)) / 2**28
    z = np.arange(-32768, 32768)
    sigma = 1 / (1 + np.exp(-np.clip((z - 37 + 0.5) / 32, -500, 500)))
    np.testing.assert_allclose(np.cumsum(freqs)[:-1], sigma[:-1], atol=5e-4)
    assert z[np.argmax(freqs)] == 37


def test_components_weigh_by_their_logits() -> None:
    """Two distant narrow peaks show that 64 units of logit are one nat."""
    mixture = row([64, 0], [-1000 * 256, 1000 * 256], [-192, -192])
    _, freqs = intervals(
        np.array([-1000, 1000], np.int32), IntegerMixture(*(np.repeat(x, 2, 0) for x in vars(mixture).values()))
    )
    assert freqs[0] / freqs[1] == pytest.approx(np.e, rel=1e-3)


def test_out_of_range_parameters_act_as_the_nearest_legal_ones() -> None:
    wild = row([2**31 - 1, -(2**31)], [2**31 - 1, -(2**31)], [2**31 - 1, -(2**31)])
    tame = row([1408, 0], [2**24, -(2**24)], [512, -192])
    np.testing.assert_array_equal(cumulative(wild, 0), cumulative(tame, 0))
    assert ideal_bits(np.array([5], np.int32), wild) == pytest.approx(
        ideal_bits(np.array([5], np.int32), tame), abs=1e-6
    )


@pytest.mark.parametrize("components", [1, 3, 10])
def test_the_integer_cdf_costs_almost_nothing(mixtures: Mixtures, draw: Draw, components: int) -> None:
    rng = np.random.default_rng(4)
    mixture = mixtures["typical"](rng, 20000, components)
    symbols = draw(rng, mixture)
    _, freqs = intervals(symbols, mixture)
    coded, ideal = np.sum(28 - np.log2(freqs)), np.sum(ideal_bits(symbols, mixture))
    assert abs(coded / ideal - 1) < 2e-4


def test_ideal_bits_agree_with_exact_fractions() -> None:
    """Compare with the definition of sigma where floats still resolve it; the tails complete the sum to one."""
    mixture = row([0, 32], [100 * 256 + 64, -300 * 256], [96, 288])
    everything = IntegerMixture(*(np.repeat(x, 65536, 0) for x in vars(mixture).values()))
    bits = ideal_bits(np.arange(-32768, 32768, dtype=np.int32), everything)
    assert np.exp2(-bits).sum() == pytest.approx(1, abs=1e-9)
    weight = [1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-0.5))]

    def cdf(x: float) -> float:
        pairs = ((weight[0], 100.25, 8.0), (weight[1], -300.0, 512.0))
        return float(sum(Fraction(w) / Fraction(1 + np.exp(-(x - mean) / scale)) for w, mean, scale in pairs))

    for z in (-400, -1, 0, 95, 100, 101, 400):
        assert bits[z + 32768] == pytest.approx(-np.log2(cdf(z + 0.5) - cdf(z - 0.5)), rel=1e-6)


def test_ideal_bits_stay_finite_far_out() -> None:
    mixture = row([0], [-(2**24)], [-192])
    assert ideal_bits(np.array([32767], np.int32), mixture)[0] > 1e6
    assert ideal_bits(np.array([-32768], np.int32), mixture)[0] == 0


@pytest.mark.parametrize(
    ("logits", "means", "message"),
    [
        (np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int32), "logits must be int32"),
        (np.zeros((2, 0), np.int32), np.zeros((2, 0), np.int32), "M > 0"),
        (np.zeros((2, 1), np.int32), np.zeros((3, 1), np.int32), r"means has shape \(3, 1\)"),
    ],
)
def test_malformed_mixtures_are_refused(logits: np.ndarray, means: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IntegerMixture(logits, means, means)


def test_symbols_that_do_not_fit_are_refused() -> None:
    mixture = row([0], [0], [0])
    with pytest.raises(ValueError, match="exceeds 16 bits"):
        intervals(np.array([32768], np.int32), mixture)
    with pytest.raises(ValueError, match="the mixture has 1"):
        intervals(np.array([0, 0], np.int32), mixture)
    with pytest.raises(ValueError, match="integers"):
        intervals(np.array([0.0]), mixture)
    with pytest.raises(ValueError, match="precision is 29"):
        intervals(np.array([0], np.int32), mixture, 29)
