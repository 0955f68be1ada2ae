"""What training does differently for the families of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.config import Config
from idf.config.schema import ADAPTIVE, BANDS, family_name
from idf.models.load import load_codec
from idf.training.families.adaptive import AdaptiveFamily, _adaptive_scorer
from idf.training.families.bands import BandFamily, _band_scorer
from idf.training.families.interface import Family
from idf.training.families.window import WindowFamily, _window_scorer

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    pass


def family_of(config: Config) -> Family:
    """The family of a configuration's model."""
    family = family_name(config)
    if family == ADAPTIVE:
        return AdaptiveFamily()
    return BandFamily() if family == BANDS else WindowFamily()


def model_nll_bits(
    model_file: Path, clips: Iterable[np.ndarray], advance: Callable[[int], None] = lambda samples: None
) -> list[float]:
    """Score clips.

    Args:
        model_file: a run's ``model.idfm``.
        clips: int32 ``(time,)`` each, 16-bit values.
        advance: told the number of samples after each clip.

    Returns:
        bits of each clip. Padding of the last window counts where it is coded too.

    Raises:
        RunError: the model file cannot be used.
    """
    from idf.models.bands.codec import BandCodec
    from idf.models.window.codec import WindowCodec

    codec = load_codec(model_file)
    if isinstance(codec, WindowCodec):
        score = _window_scorer(codec)
    elif isinstance(codec, BandCodec):
        score = _band_scorer(codec)
    else:
        score = _adaptive_scorer(codec)
    totals = []
    for samples in clips:
        totals.append(score(samples))
        advance(len(samples))
    return totals
