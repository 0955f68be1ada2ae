"""Selection of the family that trains a model and scores clips under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Dataset
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.adaptive.model import AdaptiveModel
from idf.models.bands.codec import BandCodec
from idf.models.bands.model import BandModel
from idf.models.interface import Codec, Model
from idf.models.load import load_codec
from idf.models.turbo.codec import TurboCodec
from idf.models.window.codec import WindowCodec
from idf.models.window.model import WindowModel
from idf.training.families.adaptive import AdaptiveFamily, adaptive_score
from idf.training.families.bands import BandFamily, band_score
from idf.training.families.interface import Family
from idf.training.families.window import WindowFamily, window_score


def family_of(config: Config, model: Model, dataset: Dataset) -> Family:
    """Return ``model`` in training, with the family that trains it.

    Args:
        model: built from ``config`` by :func:`idf.models.build.build_model`.
    """
    match model:
        case AdaptiveModel():
            return AdaptiveFamily(config, model, dataset)
        case BandModel():
            return BandFamily(config, model, dataset)
        case WindowModel():
            return WindowFamily(config, model, dataset)
    raise TypeError(f"no family trains {type(model).__name__}")


def model_nll_bits(
    model_file: Path, clips: Iterable[np.ndarray], advance: Callable[[int], None] = lambda samples: None
) -> list[float]:
    """Score clips under a model file with the function that training minimises.

    It uses the same windows and weights as the coder, but TensorFlow's float32 instead of exact integers. Files that
    are noticeably larger than this indicate that the two disagree, so the evaluation prints both.

    Args:
        model_file: a run's ``model.idfm``.
        clips: int32 ``(time,)`` each, 16-bit values.
        advance: called after each clip with its number of samples.

    Returns:
        The bits of each clip, including the padding of the last window if it is coded.

    Raises:
        RunError: the model file cannot be used.
    """
    score = _score(load_codec(model_file))
    totals = []
    for samples in clips:
        totals.append(score(samples))
        advance(len(samples))
    return totals


def _score(codec: Codec) -> Callable[[np.ndarray], float]:
    match codec:
        case AdaptiveCodec():
            return adaptive_score(codec)
        case BandCodec():
            return band_score(codec)
        case TurboCodec():  # no network; it counts with the probabilities that it codes with
            return lambda samples: codec.bits(samples.reshape(len(samples), -1))
        case WindowCodec():
            return window_score(codec)
    raise TypeError(f"no family scores {type(codec).__name__}")
