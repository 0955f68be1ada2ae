"""Fit of the initial state of prediction to training clips: classes of sound, and the variation within them.

Stretches of sound are clustered by their best linear predictor (vector quantisation of predictors by prediction error,
A. Buzo, A. H. Gray, R. M. Gray, J. D. Markel, "Speech coding based upon vector quantization", IEEE ASSP 1980).
Expectation maximisation of a hierarchical linear model then gives the mean predictor of each class and a covariance
for all classes. The result depends on the machine's floating point, so it is stored and never recomputed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from idf.errors import DataError
from idf.models.prediction.start import Start

STRETCH = 256
"""Samples to which one predictor is fitted."""
MOST_STRETCHES = 8_000
_AVERAGED = 2_000
"""Approximate number of stretches whose mean is average sound."""
_NOISE_POWER = 10.0
"""Added to prediction errors, in squared sample steps, because quieter sound tells little about spectra."""
_ROUNDING, _WHITE = 1 / 12, 1e-9
"""Power of white noise added to second moments, in squared sample steps and relative to the sound's power. Without it,
constants and tones have no unique predictor."""
_STRETCHES_PER_CLASS = 4
_CLUSTER_ROUNDS = 5
_LEAST_POWER = 1e-5
"""Smallest prediction error relative to the sound's power."""
_ROUNDS = 8
_TRUST = 0.6
"""Fraction of a stretch's samples that count as independent evidence, because sound changes within a stretch."""
_FIRST_WEIGHT = 40.0
"""Weight of the initial covariance, in samples."""


def fitted_start(clips: Sequence[np.ndarray], start: Start, seed: int) -> Start:
    """Return an initial state fitted to clips, int32 (n,) each, with the shapes of ``start``.

    Raises:
        DataError: there is not enough sound.
    """
    classes, order = start.means.shape
    stretches = _stretches(clips, max(order, start.lattice.shape[1]))
    if len(stretches) < _STRETCHES_PER_CLASS * classes:
        raise DataError(
            f"whitening=window: fitting whitening.classes={classes} needs at least {_STRETCHES_PER_CLASS * classes} "
            f"stretches of {STRETCH} samples that are not silent, and the training clips have {len(stretches)}; add "
            "clips, reduce whitening.classes, or set training.start=random"
        )
    # The matrices are many but small, so threads would only wait for each other.
    with threadpool_limits(1, "blas"):
        return _fitted(stretches, start, np.random.default_rng(seed))


def _fitted(stretches: list[np.ndarray], start: Start, rng: np.random.Generator) -> Start:
    (classes, order), stages = start.means.shape, start.lattice.shape[1]
    products = np.stack([_product(rows[:, : order + 1]) for rows in stretches])
    means, nearest = _clustered(products, classes, rng)
    means, spread, nearest, noise = _regressions(products, means, nearest)
    reflection = np.empty((classes, order))
    for number in range(classes):
        own = np.flatnonzero(nearest == number)
        own = own if len(own) else np.arange(len(products))
        reflection[number] = _levinson(_lags(np.tensordot(1 / noise[own], products[own], 1)))[0]
    every = max(1, len(stretches) // _AVERAGED)
    average = sum(
        _product(rows[:, : stages + 1]) / power for rows, power in zip(stretches[::every], noise[::every], strict=True)
    )
    shares = (np.bincount(nearest, minlength=classes) + 1.0) / (len(nearest) + classes)
    return Start(
        reflection=reflection.astype(np.float32),
        means=means.astype(np.float32),
        spread=((spread + spread.T) / 2).astype(np.float32),
        shares=shares.astype(np.float32),
        lattice=np.stack(_levinson(_lags(np.asarray(average)))).astype(np.float32),
        level=np.full(1, np.exp(0.5 * np.log(noise).mean()), np.float32),
    )


def _stretches(clips: Sequence[np.ndarray], past: int) -> list[np.ndarray]:
    """Return stretches of sound and their past: float64 (STRETCH, past + 1) each, with rows x[t], x[t - 1] …"""
    hop = max(STRETCH // 8, sum(map(len, clips)) // MOST_STRETCHES)
    found = []
    for clip in clips:
        for first in range(past, len(clip) - STRETCH + 1, hop):
            piece = clip[first - past : first + STRETCH].astype(np.float64)
            if piece.any():  # digital silence contains no information
                found.append(np.lib.stride_tricks.sliding_window_view(piece, past + 1)[:, ::-1])
    return found


def _product(rows: np.ndarray) -> np.ndarray:
    """Return the second moments of rows (n, order + 1) plus white noise: float64 (order + 1, order + 1)."""
    product: np.ndarray = rows.T @ rows / len(rows)
    return product + np.eye(len(product)) * (_ROUNDING + _WHITE * product[0, 0])


def _lags(product: np.ndarray) -> np.ndarray:
    """Return the autocorrelation from second moments (order + 1, order + 1): float64 (order + 1,)."""
    return np.array([np.diagonal(product, lag).mean() for lag in range(len(product))])


def _errors(products: np.ndarray, predictors: np.ndarray) -> np.ndarray:
    """Return the mean square error of each predictor on each stretch: float64 (n, predictors)."""
    filters = np.concatenate([np.ones((len(predictors), 1)), -predictors], 1)
    outer = filters[:, :, None] * filters[:, None]
    found: np.ndarray = products.reshape(len(products), -1) @ outer.reshape(len(filters), -1).T
    return np.maximum(found, 0) + _NOISE_POWER


def _predictor(product: np.ndarray) -> np.ndarray:
    """Return the best predictor for second moments (order + 1, order + 1): float64 (order,)."""
    found: np.ndarray = np.linalg.solve(product[1:, 1:], product[1:, 0])
    return found


def _clustered(products: np.ndarray, classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return predictors (classes, order) that cover the stretches, and the index of the best for each stretch."""
    weight = 1 / _errors(products, _predictor(products.mean(0))[None])[:, 0]
    average = np.tensordot(weight, products, 1) / weight.sum()
    predictors = _predictor(average)[None]
    while True:
        for _ in range(_CLUSTER_ROUNDS):
            errors = _errors(products, predictors)
            nearest = errors.argmin(1)
            weight = 1 / errors.min(1)
            for number in range(len(predictors)):
                own = np.flatnonzero(nearest == number)
                if len(own) < 8:
                    own = rng.integers(0, len(products), 16)
                predictors[number] = _predictor(np.tensordot(weight[own], products[own], 1))
        if len(predictors) == classes:
            return predictors, _errors(products, predictors).argmin(1)
        # Add the predictors of random stretches, each mixed with a little of the average.
        more = min(len(predictors), classes - len(predictors))
        chosen = products[rng.integers(0, len(products), more)]
        scaled = average * (chosen[:, 0, 0] / average[0, 0])[:, None, None]
        predictors = np.concatenate([predictors, [_predictor(own) for own in chosen + 0.05 * scaled]])


def _regressions(
    products: np.ndarray, means: np.ndarray, nearest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Run expectation maximisation.

    Returns:
        The classes' means, their covariance, and the most likely class and the noise variance of each stretch.
    """
    classes, order = means.shape
    inputs, targets = products[:, 1:, 1:], products[:, 1:, 0]
    noise = 0.8 * _errors(products, means).min(1)
    shares = np.bincount(nearest, minlength=classes) / len(nearest)
    small = 1e-9 * np.eye(order)
    spread = np.linalg.inv(_FIRST_WEIGHT * (inputs / noise[:, None, None]).mean(0) + small)
    evidence = _TRUST * STRETCH
    for _ in range(_ROUNDS):
        precision = np.linalg.inv(spread + small)
        posterior = np.linalg.inv(precision + evidence * inputs / noise[:, None, None])
        pull = evidence * targets / noise[:, None]
        # the mean of the posterior and the log evidence for each stretch and class
        centre = means @ precision
        sums = centre[None] + pull[:, None]
        found = sums @ posterior
        likelihood = 0.5 * (sums * found).sum(2) - 0.5 * (centre * means).sum(1) + np.log(shares + 1e-9)
        nearest = likelihood.argmax(1)
        best = found[np.arange(len(found)), nearest]
        for number in range(classes):
            own = nearest == number
            if own.sum() >= 8:
                means[number] = best[own].mean(0)
        shares = np.bincount(nearest, minlength=classes) / len(nearest)
        apart = best - means[nearest]
        spread = posterior.mean(0) + apart.T @ apart / len(apart)
        filters = np.concatenate([np.ones((len(best), 1)), -best], 1)
        power = (filters * np.matmul(products, filters[:, :, None])[:, :, 0]).sum(1)
        noise = np.maximum(power, 0) + (posterior * inputs).sum((1, 2)) + _NOISE_POWER
    return means, spread, nearest, noise


def _levinson(lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return reflection coefficients, and the error power before each stage relative to the last error."""
    filter_, power = np.ones(1), lags[0] * (1 + 1e-9)
    reflection, powers = [], []
    for stage in range(1, len(lags)):
        k = float(np.clip(filter_ @ lags[stage:0:-1] / power, -0.9999, 0.9999))
        powers.append(power)
        reflection.append(k)
        padded = np.append(filter_, 0)
        filter_ = padded - k * padded[::-1]
        power = max(power * (1 - k * k), _LEAST_POWER * lags[0])
    return np.array(reflection), np.array(powers) / power
