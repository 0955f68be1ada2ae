"""Training rows of flows with adaptive predictors: the predictors' outputs on the training clips, stored on disk.

Each sample gives a row. The adaptive flow has one table of rows, a subband flow one per band. The predictors run
once over every clip, several clips in parallel. A row's inputs are stored in a byte each: 600 steps of
model=adaptive on the bundled speech ended at 8.006 bits/sample with float16, and within 0.001 of that with bytes.
As for windows (:mod:`idf.datasets.batches`), the batch of step i is a pure function of (data, seed, i): each epoch
visits every row once, in the order of a keyed permutation.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from rich.console import Console
from rich.progress import Progress

from idf.config import Config
from idf.datasets.batches import hash64, permuted
from idf.datasets.cache import cached
from idf.datasets.dataset import Clip, Dataset, spread
from idf.datasets.shards import source_hash
from idf.errors import DataError
from idf.files import output_errors, reserve
from idf.models.adaptive.model import AdaptiveModel, Trace
from idf.models.adaptive.state import Constants

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.bands.model import BandModel

STATISTICS_ROWS = 1 << 18
"""Evenly spread rows from which the mean and deviation of the inputs are estimated."""
_PREFETCH = 4
_FEWEST_CLIPS = 64
"""Minimum number of clips from which rows are taken, if there are that many."""
_PARTS = ("inputs", "targets", "deviations")
_TYPES = (np.int8, np.float32, np.float16)
_FORMAT = 2
_LOG_STEPS = 8
"""Logarithms are stored in steps of 1/8 octave, up to 15.9 octaves."""
_BEND, _FARTHEST = 0.5, 16.0
"""Other inputs are stored in steps that are uniform below the bend and grow with the input above it, up to the limit in
:mod:`idf.models.adaptive.steps`."""
_LARGEST = 127
_SCALE = math.log1p(_FARTHEST / _BEND) / _LARGEST


class Traced(Protocol):
    """A model whose networks are trained on rows."""

    @property
    def settings(self) -> Constants: ...

    @property
    def features(self) -> int:
        """Number of inputs at the end of a row that do not come from predictors."""

    def traces(self, samples: np.ndarray) -> list[Trace]:
        """Return a table of rows for each network.

        Args:
            samples: int32 (n,), or (n, channels) if the model couples channels.
        """

    def row_counts(self, samples: int) -> list[int]:
        """Return the length of each of these tables for a clip of ``samples`` samples."""


@dataclass(frozen=True)
class Rows:
    """All training rows, mapped from disk.

    Attributes:
        codes: int8 (rows, inputs): :func:`encoded`.
        targets: float32 (rows, 2): residual and level.
        deviations: float16 (rows, experts).
        signs: float32 (inputs,): -1 for inputs whose sign changes with that of the signal, otherwise 1.
        logs: number of inputs at the start of a row that are logarithms.
    """

    codes: np.ndarray
    targets: np.ndarray
    deviations: np.ndarray
    signs: np.ndarray
    logs: int

    @property
    def width(self) -> int:
        """Length of a row: inputs, then 2 + experts."""
        return int(self.codes.shape[1] + self.targets.shape[1] + self.deviations.shape[1])

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and standard deviation of the inputs, float32 (inputs,); 1 for constant inputs."""
        some = decoded(self.codes[:: max(1, len(self.codes) // STATISTICS_ROWS)], self.logs).astype(np.float64)
        deviation = some.std(0)
        return some.mean(0).astype(np.float32), np.where(deviation > 1e-4, deviation, 1.0).astype(np.float32)

    def batch_at(self, step: int, batch: int, seed: int, *, flip: bool) -> np.ndarray:
        """Return the rows of ``step``: float32 (batch, inputs + 2 + experts).

        Args:
            flip: give each row a random sign.
        """
        rows = len(self.codes)
        position = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
        key = hash64(np.uint64(seed % 2**64), (position // rows).astype(np.uint64))
        index = permuted((position % rows).astype(np.uint64), rows, key).astype(np.int64)
        # The order within a batch does not matter, and reading in the order on disk is faster.
        index.sort()
        inputs = decoded(self.codes[index], self.logs)
        targets = np.concatenate([self.targets[index], self.deviations[index]], axis=1, dtype=np.float32)
        if flip:
            negative = hash64(key, index.astype(np.uint64)) >> np.uint64(63) == 1
            inputs[negative] *= self.signs
            targets[negative] *= np.where(np.arange(targets.shape[1]) == 1, 1, -1).astype(np.float32)
        return np.concatenate([inputs, targets], axis=1)


def encoded(inputs: np.ndarray, logs: int) -> np.ndarray:
    """Return inputs, float32 (n, inputs), as one byte each: int8 (n, inputs)."""
    codes = np.empty(inputs.shape, np.int8)
    codes[:, :logs] = np.clip(np.rint(inputs[:, :logs] * _LOG_STEPS), -_LARGEST, _LARGEST)
    rest = inputs[:, logs:]
    codes[:, logs:] = np.sign(rest) * np.minimum(np.rint(np.log1p(np.abs(rest) / _BEND) / _SCALE), _LARGEST)
    return codes


def decoded(codes: np.ndarray, logs: int) -> np.ndarray:
    """Undo :func:`encoded` except for rounding: float32 (n, inputs)."""
    inputs = codes.astype(np.float32)
    inputs[:, :logs] /= _LOG_STEPS
    inputs[:, logs:] = _LEVELS[codes[:, logs:].astype(np.intp) + _LARGEST]
    return inputs


def _levels() -> np.ndarray:
    code = np.arange(-_LARGEST, _LARGEST + 1)
    return (np.sign(code) * _BEND * np.expm1(np.abs(code) * _SCALE)).astype(np.float32)


_LEVELS = _levels()
"""The values of the codes -127 to 127."""


def row_batches(rows: Rows, config: Config, first_step: int) -> tf.data.Dataset:
    """Return the batches of all steps starting at ``first_step``: float32 (batch, inputs + 2 + experts)."""
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    settings, width = config.training, rows.width

    def make(step: int) -> np.ndarray:
        return rows.batch_at(int(step), settings.batch_samples, config.seed, flip=settings.sign_flips)

    def load(step: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(make, [step], tf.float32, stateful=False)
        return tf.ensure_shape(found, (settings.batch_samples, width))

    return tf.data.Dataset.range(first_step, settings.steps).map(load).prefetch(_PREFETCH)


def band_batches(rows: list[Rows], model: BandModel, config: Config, first_step: int) -> tf.data.Dataset:
    """Return the batches of all steps starting at ``first_step``: float32 (windows, N, inputs + 2 + experts).

    The N rows contain as many rows of each band as a window, but each row is drawn independently.
    """
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    settings, width = config.training, rows[0].width
    windows, lengths = settings.batch_samples // model.window, model.lengths(model.window)

    def make(step: int) -> np.ndarray:
        drawn = [
            table.batch_at(int(step), windows * length, config.seed, flip=settings.sign_flips)
            for table, length in zip(rows, lengths, strict=True)
        ]
        return np.concatenate([part.reshape(windows, -1, width) for part in drawn], axis=1)

    def load(step: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(make, [step], tf.float32, stateful=False)
        return tf.ensure_shape(found, (windows, model.window, width))

    return tf.data.Dataset.range(first_step, settings.steps).map(load).prefetch(_PREFETCH)


def training_rows(config: Config, model: AdaptiveModel, dataset: Dataset, cache: Path) -> Rows:
    """Return the rows of ``dataset.train`` for the adaptive flow; see :func:`prepared_rows`."""
    from idf.models.adaptive.loops import LOOPS

    adaptive = asdict(config.model.adaptive)
    return prepared_rows(config, model, dataset, cache, f"{LOOPS.trace.version} {_seen(adaptive)}")[0]


def band_rows(config: Config, model: BandModel, dataset: Dataset, cache: Path) -> list[Rows]:
    """Return the rows of ``dataset.train`` for a subband flow, a table per band; see :func:`prepared_rows`."""
    from idf.models.bands.loops import LOOPS

    kept = {name: value for name, value in model.constants.items() if not name.startswith("input_")}
    digest = hashlib.sha256(b"".join(name.encode() + value.tobytes() for name, value in sorted(kept.items())))
    made_by = f"{LOOPS.trace.version} {_seen(asdict(config.model.bands))} {model.window} {config.context} {digest.hexdigest()}"
    return prepared_rows(config, model, dataset, cache, made_by)


def prepared_rows(config: Config, model: Traced, dataset: Dataset, cache: Path, made_by: str) -> list[Rows]:
    """Return the rows of ``dataset.train``, a table per network of the model, from ``cache`` if they are there.

    If there are more than ``training.max_rows``, evenly spread rows are chosen.

    Args:
        made_by: identifies everything in the model that determines the rows.

    Raises:
        DataError: there are no training clips, or one cannot be read.
        OutputError: the cache cannot be written.
    """
    if not dataset.train:
        raise DataError(f"{dataset.name}: no training clips in the split {dataset.split!r}; add clips to it")
    folder = cache / f"rows-{_name(config, dataset, made_by)}"
    return cached(folder, lambda found: _open(found, model), lambda scratch: _build(config, model, dataset, scratch))


def _seen(settings: dict[str, object]) -> str:
    """Return the settings on which rows depend, as JSON."""
    network = ("hidden", "layers", "components", "online_rate")
    return json.dumps({key: value for key, value in settings.items() if key not in network}, sort_keys=True)


def _name(config: Config, dataset: Dataset, made_by: str) -> str:
    text = f"{_FORMAT} {made_by} {source_hash(dataset)} {config.training.max_rows}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _files(folder: Path, table: int) -> list[Path]:
    return [folder / f"{part}-{table}.npy" for part in _PARTS]


def _columns(model: Traced) -> tuple[int, int, int]:
    return model.settings.plan.inputs, 2, model.settings.plan.experts


def _open(folder: Path, model: Traced) -> list[Rows] | None:
    plan, found = model.settings.plan, []
    signs = np.ones(plan.inputs, np.float32)
    signs[plan.logs : plan.inputs - model.features] = -1
    for table in range(len(model.row_counts(1))):
        try:
            arrays = [np.load(file, mmap_mode="r") for file in _files(folder, table)]
        except (OSError, ValueError, EOFError):
            return None
        if [array.shape for array in arrays] != [(len(arrays[0]), columns) for columns in _columns(model)]:
            return None
        codes, targets, deviations = arrays
        found.append(Rows(codes, targets, deviations, signs, plan.logs))
    return found


def _build(config: Config, model: Traced, dataset: Dataset, scratch: Path) -> None:
    clips: Sequence[Clip] = dataset.train
    share = min(1.0, config.training.max_rows / sum(clip.all_samples for clip in clips))
    if share < 0.5 and len(clips) > _FEWEST_CLIPS:
        # Take half of the rows of fewer clips, so that predictors do not run over samples that are hardly used.
        clips = spread(clips, max(_FEWEST_CLIPS, math.ceil(2 * share * len(clips))))
    total = sum(clip.all_samples for clip in clips)
    share = min(1.0, config.training.max_rows / total)
    counts = [
        [max(1, int(rows * share)) if rows else 0 for rows in model.row_counts(clip.all_samples)] for clip in clips
    ]
    plan, tables = model.settings.plan, len(model.row_counts(1))
    with output_errors(scratch.parent):
        made = [
            [
                _room(file, dtype, (sum(count[table] for count in counts), columns))
                for file, dtype, columns in zip(_files(scratch, table), _TYPES, _columns(model), strict=True)
            ]
            for table in range(tables)
        ]
    with (
        Progress(console=Console(stderr=True), transient=True) as bar,
        ThreadPoolExecutor(config.threads or os.cpu_count() or 1) as pool,
    ):
        task = bar.add_task("running the predictors over the training clips", total=total)

        def run(clip: Clip) -> list[Trace]:
            return model.traces(dataset.read(clip).samples)

        first = [0] * tables
        for clip, count, traces in zip(clips, counts, pool.map(run, clips), strict=True):
            for table, trace in enumerate(traces):
                kept = np.linspace(0, len(trace.inputs) - 1, count[table]).astype(np.int64)
                place = slice(first[table], first[table] + count[table])
                made[table][0][place] = encoded(trace.inputs[kept], plan.logs)
                made[table][1][place] = trace.targets[kept, :2]
                made[table][2][place] = np.clip(trace.targets[kept, 2:], -6e4, 6e4)
                first[table] = place.stop
            bar.advance(task, clip.all_samples)
    with output_errors(scratch.parent):
        for array in (array for table in made for array in table):
            array.flush()


def _room(file: Path, dtype: type, shape: tuple[int, int]) -> np.memmap:
    """Return a new array that is preallocated on disk."""
    array: np.memmap = np.lib.format.open_memmap(file, "w+", dtype, shape)
    reserve(file)
    return array
