"""Nets that flows and priors share, written once for both arithmetics (see :mod:`idf.arithmetic`)."""

from idf.nets.level import LocalLevel, level_of, local_level
from idf.nets.wavenet import WaveNet

__all__ = ["LocalLevel", "WaveNet", "level_of", "local_level"]
