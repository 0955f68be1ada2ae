"""Priors: the distribution of each latent, given the latents that a decoder already knows."""

from idf.priors.base import LearnedBase, ScheduledBase
from idf.priors.channelwise import ChannelwisePrior
from idf.priors.mixture import Mixture, mixture_on_grid
from idf.priors.tracked import TrackedPrior
from idf.priors.wavenet import WaveNetPrior

__all__ = [
    "ChannelwisePrior",
    "LearnedBase",
    "Mixture",
    "ScheduledBase",
    "TrackedPrior",
    "WaveNetPrior",
    "mixture_on_grid",
]
