"""Training rows of the adaptive flow: what its predictors made of the training clips, kept on disk.

The predictors run once over every clip, several clips at a time; of each sample's row the inputs are kept
in half precision. The batch of step i is a pure function of (data, seed, i), as for windows
(:mod:`idf.audio.batches`): every row is seen once an epoch, in the order of a keyed permutation.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import Progress

from idf.adaptive.model import AdaptiveModel, Trace
from idf.audio import Clip, Dataset
from idf.audio.batches import hash64, permuted
from idf.audio.lock import exclusive
from idf.audio.shards import source_hash
from idf.config import Config
from idf.errors import DataError, OutputError
from idf.files import output_errors, sync_folder

if TYPE_CHECKING:
    import tensorflow as tf

STATISTICS_ROWS = 1 << 18
"""Rows, evenly spread, that the inputs' mean and deviation are taken from."""
_PREFETCH = 4
_PARTS = ("inputs.npy", "targets.npy")


@dataclass(frozen=True)
class Rows:
    """All training rows, mapped from disk.

    Attributes:
        inputs: float16 (rows, inputs).
        targets: float32 (rows, 2 + experts).
        signs: float32 (inputs,): -1 where an input changes its sign with the signal, else 1.
    """

    inputs: np.ndarray
    targets: np.ndarray
    signs: np.ndarray

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the inputs, float32 each; 1 where an input never changes."""
        some = self.inputs[:: max(1, len(self.inputs) // STATISTICS_ROWS)].astype(np.float64)
        deviation = some.std(0)
        return some.mean(0).astype(np.float32), np.where(deviation > 1e-4, deviation, 1.0).astype(np.float32)

    def batch_at(self, step: int, batch: int, seed: int, *, flip: bool) -> np.ndarray:
        """The rows of ``step``: float32 (batch, inputs + 2 + experts). ``flip``: each with a random sign."""
        rows = len(self.inputs)
        position = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
        key = hash64(np.uint64(seed % 2**64), (position // rows).astype(np.uint64))
        index = permuted((position % rows).astype(np.uint64), rows, key).astype(np.int64)
        # In the order in which they lie on disk: a batch has no order, and this reads faster.
        index.sort()
        inputs, targets = self.inputs[index].astype(np.float32), self.targets[index]
        if flip:
            negative = hash64(key, index.astype(np.uint64)) >> np.uint64(63) == 1
            inputs[negative] *= self.signs
            targets[negative] *= np.where(np.arange(targets.shape[1]) == 1, 1, -1).astype(np.float32)
        return np.concatenate([inputs, targets], axis=1)


def row_batches(rows: Rows, config: Config, first_step: int) -> tf.data.Dataset:
    """The batches of all steps from ``first_step`` on: float32 (batch, inputs + 2 + experts)."""
    import tensorflow as tf  # deferred: slow to load

    settings, width = config.training, rows.inputs.shape[1] + rows.targets.shape[1]

    def make(step: int) -> np.ndarray:
        return rows.batch_at(int(step), settings.batch_samples, config.seed, flip=settings.sign_flips)

    def load(step: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(make, [step], tf.float32, stateful=False)
        return tf.ensure_shape(found, (settings.batch_samples, width))

    return tf.data.Dataset.range(first_step, settings.steps).map(load).prefetch(_PREFETCH)


def training_rows(config: Config, model: AdaptiveModel, dataset: Dataset, cache: Path) -> Rows:
    """The rows of ``dataset.train``: from ``cache``, or made and kept there.

    Of more than ``training.max_rows`` an even part is drawn.

    Raises:
        DataError: there are no training clips, or one cannot be read.
        OutputError: the cache cannot be written.
    """
    if not dataset.train:
        raise DataError(f"{dataset.name}: no training clips in the split {dataset.split!r}; give more clips")
    folder = cache / f"rows-{_name(config, dataset)}"
    with exclusive(cache / f".{folder.name}.lock"):
        rows = _open(folder, model)
        if rows is None:
            _build(config, model, dataset, folder)
            rows = _open(folder, model)
    if rows is None:
        raise OutputError(f"{folder}: the rows just written cannot be read back; is the disk sound?")
    return rows


def _name(config: Config, dataset: Dataset) -> str:
    from idf.adaptive.loops import SOURCES

    adaptive = asdict(config.model.adaptive)
    seen = {key: value for key, value in adaptive.items() if key not in ("hidden", "layers", "components")}
    text = f"{SOURCES} {source_hash(dataset)} {json.dumps(seen, sort_keys=True)} {config.training.max_rows}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _open(folder: Path, model: AdaptiveModel) -> Rows | None:
    try:
        inputs, targets = (np.load(folder / part, mmap_mode="r") for part in _PARTS)
    except (OSError, ValueError, EOFError):
        return None
    plan, rows = model.settings.plan, len(inputs)
    if inputs.shape != (rows, plan.inputs) or targets.shape != (rows, 2 + plan.experts):
        return None
    signs = np.ones(plan.inputs, np.float32)
    signs[plan.logs :] = -1
    return Rows(inputs, targets, signs)


def _build(config: Config, model: AdaptiveModel, dataset: Dataset, folder: Path) -> None:
    total = sum(clip.samples for clip in dataset.train)
    share = min(1.0, config.training.max_rows / total)
    counts = [max(1, int(clip.samples * share)) for clip in dataset.train]
    plan = model.settings.plan
    with output_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with output_errors(folder):
            inputs, targets = (
                np.lib.format.open_memmap(scratch / part, "w+", dtype, (sum(counts), columns))
                for part, dtype, columns in zip(
                    _PARTS, (np.float16, np.float32), (plan.inputs, 2 + plan.experts), strict=True
                )
            )
        with (
            Progress(console=Console(stderr=True), transient=True) as bar,
            ThreadPoolExecutor(config.threads or os.cpu_count() or 1) as pool,
        ):
            task = bar.add_task("running the predictors over the training clips", total=total)

            def run(clip: Clip) -> Trace:
                return model.trace(dataset.read(clip).samples[:, None])

            first = 0
            for clip, count, trace in zip(dataset.train, counts, pool.map(run, dataset.train), strict=True):
                kept = np.linspace(0, len(trace.inputs) - 1, count).astype(np.int64)
                inputs[first : first + count] = np.clip(trace.inputs[kept], -6e4, 6e4)
                targets[first : first + count] = trace.targets[kept]
                first += count
                bar.advance(task, clip.samples)
        with output_errors(folder):
            inputs.flush()
            targets.flush()
            os.chmod(scratch, 0o755)
            os.rename(scratch, folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
