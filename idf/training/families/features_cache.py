"""Training rows of flows with adaptive predictors: what these made of the training clips, kept on disk.

A sample is a row. The adaptive flow has one table of rows, a flow of subbands one for each band. The predictors
run once over every clip, several clips at a time. Of each sample's row the inputs are kept in a byte each: 600 steps
of model=adaptive on the bundled speech ended at 8.006 bits/sample with float16, and within 0.001 of that with bytes.
The batch of step i is a pure function of (data, seed, i), as for windows
(:mod:`idf.datasets.batches`): every row is seen once an epoch, in the order of a keyed permutation.
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
"""Rows, evenly spread, that the inputs' mean and deviation are taken from."""
_PREFETCH = 4
_FEWEST_CLIPS = 64
"""Rows are taken from at least so many clips, or all there are."""
_PARTS = ("inputs", "targets", "deviations")
_TYPES = (np.int8, np.float32, np.float16)
_FORMAT = 2
_LOG_STEPS = 8
"""Logarithms are kept in steps of 1/8 of an octave, up to 15.9 octaves."""
_BEND, _FARTHEST = 0.5, 16.0
"""Other inputs are kept in steps that grow with them: evenly below the bend, then by their logarithm, to the end that
:mod:`idf.models.adaptive.steps` gives them."""
_LARGEST = 127
_SCALE = math.log1p(_FARTHEST / _BEND) / _LARGEST


class Traced(Protocol):
    """What is asked of a model whose networks are trained on rows."""

    @property
    def settings(self) -> Constants: ...

    @property
    def features(self) -> int:
        """Of a row's inputs, the last ones that no predictor makes."""

    def traces(self, samples: np.ndarray) -> list[Trace]:
        """A table of rows for each network, of samples int32 (n,), or (n, channels) where the model joins them."""

    def row_counts(self, samples: int) -> list[int]:
        """How many rows these have."""


@dataclass(frozen=True)
class Rows:
    """All training rows, mapped from disk.

    Attributes:
        codes: int8 (rows, inputs): :func:`encoded`.
        targets: float32 (rows, 2): residual and level.
        deviations: float16 (rows, experts).
        signs: float32 (inputs,): -1 where an input changes its sign with the signal, else 1.
        logs: how many inputs, the first ones, are logarithms.
    """

    codes: np.ndarray
    targets: np.ndarray
    deviations: np.ndarray
    signs: np.ndarray
    logs: int

    @property
    def width(self) -> int:
        """Numbers in a row: inputs, then 2 + experts."""
        return int(self.codes.shape[1] + self.targets.shape[1] + self.deviations.shape[1])

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the inputs, float32 each; 1 where an input never changes."""
        some = decoded(self.codes[:: max(1, len(self.codes) // STATISTICS_ROWS)], self.logs).astype(np.float64)
        deviation = some.std(0)
        return some.mean(0).astype(np.float32), np.where(deviation > 1e-4, deviation, 1.0).astype(np.float32)

    def batch_at(self, step: int, batch: int, seed: int, *, flip: bool) -> np.ndarray:
        """The rows of ``step``: float32 (batch, inputs + 2 + experts). ``flip``: each with a random sign."""
        rows = len(self.codes)
        position = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
        key = hash64(np.uint64(seed % 2**64), (position // rows).astype(np.uint64))
        index = permuted((position % rows).astype(np.uint64), rows, key).astype(np.int64)
        # In the order in which they lie on disk: a batch has no order, and this reads faster.
        index.sort()
        inputs = decoded(self.codes[index], self.logs)
        targets = np.concatenate([self.targets[index], self.deviations[index]], axis=1, dtype=np.float32)
        if flip:
            negative = hash64(key, index.astype(np.uint64)) >> np.uint64(63) == 1
            inputs[negative] *= self.signs
            targets[negative] *= np.where(np.arange(targets.shape[1]) == 1, 1, -1).astype(np.float32)
        return np.concatenate([inputs, targets], axis=1)


def encoded(inputs: np.ndarray, logs: int) -> np.ndarray:
    """Inputs, float32 (n, inputs), in a byte each: int8 (n, inputs)."""
    codes = np.empty(inputs.shape, np.int8)
    codes[:, :logs] = np.clip(np.rint(inputs[:, :logs] * _LOG_STEPS), -_LARGEST, _LARGEST)
    rest = inputs[:, logs:]
    codes[:, logs:] = np.sign(rest) * np.minimum(np.rint(np.log1p(np.abs(rest) / _BEND) / _SCALE), _LARGEST)
    return codes


def decoded(codes: np.ndarray, logs: int) -> np.ndarray:
    """Undo :func:`encoded`, but for rounding: float32 (n, inputs)."""
    inputs = codes.astype(np.float32)
    inputs[:, :logs] /= _LOG_STEPS
    inputs[:, logs:] = _LEVELS[codes[:, logs:].astype(np.intp) + _LARGEST]
    return inputs


def _levels() -> np.ndarray:
    code = np.arange(-_LARGEST, _LARGEST + 1)
    return (np.sign(code) * _BEND * np.expm1(np.abs(code) * _SCALE)).astype(np.float32)


_LEVELS = _levels()
"""What each code from -127 on stands for."""


def row_batches(rows: Rows, config: Config, first_step: int) -> tf.data.Dataset:
    """The batches of all steps from ``first_step`` on: float32 (batch, inputs + 2 + experts)."""
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    settings, width = config.training, rows.width

    def make(step: int) -> np.ndarray:
        return rows.batch_at(int(step), settings.batch_samples, config.seed, flip=settings.sign_flips)

    def load(step: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(make, [step], tf.float32, stateful=False)
        return tf.ensure_shape(found, (settings.batch_samples, width))

    return tf.data.Dataset.range(first_step, settings.steps).map(load).prefetch(_PREFETCH)


def band_batches(rows: list[Rows], model: BandModel, config: Config, first_step: int) -> tf.data.Dataset:
    """The batches of all steps from ``first_step`` on, as if of windows: float32 (windows, N, inputs + 2 + experts).

    Of each N rows, as many are of each band as in a window; but each row is drawn for itself.
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
    """The rows of ``dataset.train`` for the adaptive flow; see :func:`prepared_rows`."""
    from idf.models.adaptive.loops import LOOPS

    adaptive = asdict(config.model.adaptive)
    return prepared_rows(config, model, dataset, cache, f"{LOOPS.trace.version} {_seen(adaptive)}")[0]


def band_rows(config: Config, model: BandModel, dataset: Dataset, cache: Path) -> list[Rows]:
    """The rows of ``dataset.train`` for a flow of subbands, a table for each; see :func:`prepared_rows`."""
    from idf.models.bands.loops import LOOPS

    kept = {name: value for name, value in model.constants.items() if not name.startswith("input_")}
    digest = hashlib.sha256(b"".join(name.encode() + value.tobytes() for name, value in sorted(kept.items())))
    made_by = f"{LOOPS.trace.version} {_seen(asdict(config.model.bands))} {model.window} {config.context} {digest.hexdigest()}"
    return prepared_rows(config, model, dataset, cache, made_by)


def prepared_rows(config: Config, model: Traced, dataset: Dataset, cache: Path, made_by: str) -> list[Rows]:
    """The rows of ``dataset.train``: from ``cache``, or made and kept there. A table for each of the model's networks.

    Of more than ``training.max_rows`` an even part is drawn.

    Args:
        made_by: names all of the model that decides what is in the rows.

    Raises:
        DataError: there are no training clips, or one cannot be read.
        OutputError: the cache cannot be written.
    """
    if not dataset.train:
        raise DataError(f"{dataset.name}: no training clips in the split {dataset.split!r}; give more clips")
    folder = cache / f"rows-{_name(config, dataset, made_by)}"
    return cached(folder, lambda found: _open(found, model), lambda scratch: _build(config, model, dataset, scratch))


def _seen(settings: dict[str, object]) -> str:
    """Of predictors' settings, those that rows depend on."""
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
        # Half of each clip's rows from fewer clips: predictors need not run over what is hardly used.
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
    """A new array on disk, which has its place there."""
    array: np.memmap = np.lib.format.open_memmap(file, "w+", dtype, shape)
    reserve(file)
    return array
