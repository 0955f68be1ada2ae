"""The vector loops are bit-exact with the same arithmetic on scalars."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.models.adaptive.state import first_stages
from idf.models.adaptive.vectors import BLEND, LANES, SINGLES, STAGE, blend, dot, lattice_update, update_dot

FORGETTING = np.array([0.98, 0.985, 0.988, 0.991, 0.994, 0.996, 0.998, 0.9995])


@numba.njit
def run_dot(a, b, start, count):
    return dot(a, b, start, count)


@numba.njit
def run_blend(out, a, row, b, other, start):
    blend(out, a, row, b, other, start)


@numba.njit
def run_lattice(samples, stages, orders, memory, by_order, out):
    for t in range(len(samples)):
        out[t] = by_order.reshape(orders[-1], 8)
        lattice_update(stages, orders, memory, np.float32(samples[t]), by_order)


def start_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    stages = first_stages(count)
    assert len(stages) == count * STAGE
    return stages, np.concatenate([FORGETTING, 0.01 * (1 - FORGETTING)]).astype(np.float32)


def scalar_lattice(samples: np.ndarray, count: int, lane: int) -> np.ndarray:
    """Compute the recursion with float32 scalars, in the order of the vector code."""
    zero, one, first = np.float32(0), np.float32(1), np.float32(100)
    kf, kb = [zero] * count, [zero] * count
    energy_f, energy_b, inverse = [first] * count, [first] * count, [np.float32(0.01)] * count
    b_before, g_before = [zero] * count, [one] * count
    forgetting, floor = np.float32(FORGETTING[lane]), np.float32(0.01 * (1 - FORGETTING[lane]))
    out = np.zeros((len(samples), count), np.float32)
    expected = [zero] * count
    for t, x in enumerate(samples.astype(np.float32)):
        out[t] = expected
        f, b, h, g, total = x, x, one, one, zero
        expected = []
        for m in range(count):
            before, factor = b_before[m], g_before[m]
            f_next, b_next = f - kf[m] * before, before - kb[m] * f
            gf = factor * f
            energy_f[m] = forgetting * energy_f[m] + gf * f + floor
            energy = forgetting * energy_b[m] + floor
            both = one / (energy_f[m] * energy)
            kf[m] += factor * before * f_next * inverse[m]
            kb[m] += gf * b_next * (both * energy)
            square, inverse_before = b * b, both * energy_f[m]
            h_next = h + square * inverse_before
            g_next = one / h_next
            inverse[m] = inverse_before * (h * g_next)
            energy_b[m] = energy + g * square
            b_before[m], g_before[m] = b, g
            total = total + kf[m] * b
            expected.append(total)
            f, b, h, g = f_next, b_next, h_next, g_next
    return out


@pytest.mark.parametrize("count", [1, 5, 24])
def test_each_lane_of_the_lattice_is_the_scalar_recursion(count: int) -> None:
    rng = np.random.default_rng(count)
    samples = np.rint(3000 * np.sin(np.arange(300) / 7) + rng.normal(size=300) * 30)
    stages, memory = start_of(count)
    out = np.zeros((len(samples), count, LANES))
    run_lattice(samples, stages, np.arange(1, count + 1), memory, np.zeros(count * LANES, np.float32), out)
    for lane in range(LANES):
        np.testing.assert_array_equal(out[:, :, lane], scalar_lattice(samples, count, lane))


@pytest.mark.parametrize("orders", [[6], [1, 6], [2, 3, 6]])
def test_only_the_given_orders_are_stored(orders: list[int]) -> None:
    samples = np.rint(3000 * np.sin(np.arange(50) / 7))
    every, some = np.zeros((50, 6, LANES)), np.zeros((50, 6, LANES))
    for chosen, out in ((np.arange(1, 7), every), (np.array(orders), some)):
        stages, memory = start_of(6)
        run_lattice(samples, stages, chosen, memory, np.full(6 * LANES, 7, np.float32), out)
    rows = np.array(orders) - 1
    np.testing.assert_array_equal(some[1:, rows], every[1:, rows])
    assert np.all(np.delete(some, rows, axis=1) == 7)


def test_the_lattice_predicts_like_least_squares() -> None:
    """Order 3 agrees with the exponentially weighted least-squares solution, computed from scratch."""
    rng = np.random.default_rng(1)
    samples = np.zeros(600)
    for t in range(3, 600):
        samples[t] = 1.6 * samples[t - 1] - 0.9 * samples[t - 2] + 0.1 * samples[t - 3] + rng.normal() * 100
    stages, memory = start_of(3)
    out = np.zeros((600, 3, LANES))
    run_lattice(samples, stages, np.arange(1, 4), memory, np.zeros(3 * LANES, np.float32), out)
    rows = np.stack([np.concatenate([np.zeros(lag), samples[:-lag]]) for lag in (1, 2, 3)], axis=1)
    for lane in (3, 7):
        root = np.sqrt(FORGETTING[lane] ** np.arange(598, -1, -1))
        solution = np.linalg.lstsq(rows[:599] * root[:, None], samples[:599] * root, rcond=None)[0]
        assert out[599, 2, lane] == pytest.approx(rows[599] @ solution, rel=1e-3, abs=1)


@pytest.mark.parametrize(("dtype", "lanes"), [(np.float32, SINGLES), (np.float64, BLEND)])
def test_dot_adds_parallel_sums_in_halves(dtype: type, lanes: int) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=64).astype(dtype), rng.normal(size=80).astype(dtype)
    sums = np.zeros(lanes, dtype)
    for first in range(0, 64, lanes):
        sums = sums + a[first : first + lanes] * b[5 + first : 5 + first + lanes]
    width = lanes
    while width > 1:
        width //= 2
        sums = sums[:width] + sums[width : 2 * width]
    assert run_dot(a, b, 5, 64) == sums[0]


@pytest.mark.parametrize("start", [0, BLEND, 2 * BLEND])
def test_rows_are_blended_from_a_start_index(start: int) -> None:
    out, row, other = np.random.default_rng(3).normal(0, 1e5, (3, 3 * BLEND))
    expected = np.where(np.arange(len(row)) < start, out, 0.999 * row + (-0.3) * other)
    run_blend(out, 0.999, row, -0.3, other, start)
    assert out.tobytes() == expected.tobytes()


@numba.njit
def run_update_dot(weights, gain, values, before, after, count):
    return update_dot(weights, gain, values, before, after, count)


def test_updated_weights_are_those_of_the_product() -> None:
    rng = np.random.default_rng(6)
    count, gain = 5 * SINGLES, np.float32(0.37)
    weights, values = rng.normal(size=count).astype(np.float32), rng.normal(size=3 * count).astype(np.float32)
    expected = weights + gain * values[7 : 7 + count]
    product = run_update_dot(weights, gain, values, 7, 3, count)
    assert weights.tobytes() == expected.tobytes()
    assert product == run_dot(expected, values, 3, count)
