"""Coding check during training: the exported model encodes and decodes validation clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import idf
from idf.config import Config, semantic, signature
from idf.datasets.dataset import Clip, Dataset
from idf.models.interface import Model


@dataclass(frozen=True)
class CodedSize:
    """Total size of some coded clips."""

    bytes: int
    samples: int

    @property
    def bits_per_sample(self) -> float:
        """Bits per sample, including file headers."""
        return 8 * self.bytes / self.samples


def export_model(
    path: Path,
    model: Model,
    weights: Mapping[str, np.ndarray],
    log_scale: float | None,
    config: Config,
    facts: Mapping[str, Any],
) -> None:
    """Write a model file (:func:`idf.models.load.save_model`).

    Args:
        log_scale: log-scale of the last block, nats on the [-1, 1) scale; None if it is one of the weights.
        facts: plain values to store with it, such as the step and the validation score.
    """
    from idf.models.load import save_model

    provenance = {
        "idf": idf.__version__,
        "signature": signature(config),
        "seed": config.seed,
        "data": config.data.name,
        "config": semantic(config),  # without paths of this machine
        **facts,
    }
    save_model(path, config, model, weights, log_scale, provenance)


def coded_size(
    model_path: Path, coder: str, dataset: Dataset, clips: Sequence[Clip], stop: Callable[[], bool]
) -> CodedSize | None:
    """Encode clips with an exported model, check that they decode exactly, and count bytes.

    Returns:
        The total size; None if ``stop()`` became true meanwhile.

    Raises:
        AssertionError: a clip was not decoded exactly, which is a bug in the codec.
    """
    from idf.audio.format import AudioFormat
    from idf.container.arrays import compress_array, decompress_array
    from idf.models.load import load_codec

    codec = load_codec(model_path, coder)
    total, count = 0, 0
    for clip in clips:
        if stop():
            return None
        pcm = dataset.read(clip)
        samples = pcm.frames
        data = compress_array(codec, samples, AudioFormat(pcm.rate_hz, samples.shape[1], 16))
        if not np.array_equal(decompress_array(codec, data)[0], samples):
            raise AssertionError(
                f"{clip.name} was encoded to {len(data)} bytes, which do not decode to the same samples"
            )
        total += len(data)
        count += samples.size
    return CodedSize(total, count)
