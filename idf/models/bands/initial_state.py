"""The initial state of a band's predictors in each window, fitted to the training clips.

A lattice that starts at zero needs a few hundred samples to learn what most sound has in common, which is most of a
short window. Reflection coefficients and energies therefore start at the final state of a lattice that has seen the
training clips, normalised to equal loudness. The energies are reduced as if it had seen only ``start_samples``
samples, so it still adapts quickly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from idf.compiled import compiled_loop
from idf.flows.lifting import split
from idf.models.adaptive.state import first_stages
from idf.models.adaptive.vectors import LANES, STAGE_VECTORS, lattice_update
from idf.models.bands.features import busyness
from idf.models.bands.loops import Start
from idf.models.bands.model import BandModel

_STRETCH = 1024
"""Samples in a stretch; each stretch is normalised to the same loudness."""
_RMS = 1000.0
_FORGETTING = 0.99998
_QUIETEST = 1.0
"""Smallest RMS of a window, in sample steps; quieter sound tells nothing about spectra."""


def fitted(model: BandModel, clips: Iterable[np.ndarray], start_samples: float) -> BandModel:
    """Return the model with an initial state fitted to clips, int32 (n,) each."""
    bands = model.bands
    signals: list[list[np.ndarray]] = [[] for _ in range(bands)]
    rms: list[list[np.ndarray]] = [[] for _ in range(bands)]
    busy: list[list[np.ndarray]] = [[] for _ in range(bands)]
    for clip in clips:
        low = clip[None]
        for number in range(bands - 1, 0, -1):
            low, high = split(low, model.taps[bands - 1 - number])
            _measure(model, number, high[0], signals, rms)
            count = max(model.window >> (bands - number), 1)
            whole = low.shape[1] // count * count
            busy[number].append(busyness(low)[0, :whole].reshape(-1, count).mean(1) + 1.0)
        _measure(model, 0, low[0], signals, rms)
    plan = model.settings.plan
    stages = np.empty((bands, 4, plan.stages * LANES))
    level, signal, usual = np.empty(bands), np.empty(bands), np.ones(bands)
    for number in range(bands):
        shape = _lattice(np.concatenate(signals[number]), plan.stages)
        signal[number] = np.exp(np.log(np.concatenate(rms[number])).mean())
        factor = (signal[number] / _RMS) ** 2
        stages[number, :2] = shape[:2]
        # sums over 1 / (1 - forgetting) samples are scaled to start_samples
        stages[number, 2:] = shape[2:] * (1 - _FORGETTING) * start_samples * factor + 1e-3
        power = shape[2].reshape(plan.stages, LANES)[-1, 0] * (1 - _FORGETTING) * factor
        level[number] = 0.8 * np.sqrt(power) + 1.0
        if busy[number]:
            usual[number] = np.exp(np.log(np.concatenate(busy[number])).mean())
    found = {"stages": stages, "level": level, "signal": signal}
    # rounded as in checkpoints and model files, so that a resumed run has the same values
    start = Start(*(found[name].astype(np.float32).astype(np.float64) for name in ("stages", "level", "signal")))
    return replace(model, start=start, busyness=usual.astype(np.float32).astype(np.float64))


def _measure(
    model: BandModel, number: int, band: np.ndarray, signals: list[list[np.ndarray]], rms: list[list[np.ndarray]]
) -> None:
    """Append a clip's band in stretches of equal RMS, and the RMS of its windows."""
    stretches = _stretched(band.astype(np.float64), _STRETCH)
    power = np.sqrt((stretches**2).mean(1))
    loud = stretches[power >= _QUIETEST] / power[power >= _QUIETEST, None] * _RMS
    signals[number].append(loud.reshape(-1))
    windows = _stretched(band.astype(np.float64), max(model.lengths(model.window)[number], 1))
    rms[number].append(np.maximum(np.sqrt((windows**2).mean(1)), _QUIETEST))


def _stretched(x: np.ndarray, length: int) -> np.ndarray:
    if len(x) < length:
        return x[None] if len(x) else np.zeros((1, 1))
    return x[: len(x) // length * length].reshape(-1, length)


def _lattice(x: np.ndarray, stages: int) -> np.ndarray:
    """Return reflection coefficients and energies of a lattice that has seen ``x``: float64 (4, stages · LANES)."""
    state = first_stages(stages)
    memory = np.repeat([_FORGETTING, 0.01 * (1 - _FORGETTING)], LANES).astype(np.float32)
    # Energies grow for about 1 / (1 - forgetting) samples, so short signals are repeated until they settle.
    for _ in range(max(1, min(8, int(3 / (1 - _FORGETTING)) // max(len(x), 1)))):
        _run(x, state, np.array([stages]), memory, np.empty(stages * LANES, np.float32))
    kept = state.astype(np.float64).reshape(stages, STAGE_VECTORS, LANES)[:, :4]
    return np.ascontiguousarray(kept.transpose(1, 0, 2)).reshape(4, -1)


@compiled_loop
def _run(x: np.ndarray, state: np.ndarray, orders: np.ndarray, memory: np.ndarray, out: np.ndarray) -> None:
    for t in range(x.shape[0]):
        lattice_update(state, orders, memory, np.float32(x[t]), out)
