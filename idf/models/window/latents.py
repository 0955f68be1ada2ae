"""The latents of a window flow block by block, and approximations of a signal from its first blocks.

Implements :class:`idf.coding.codec.BlockwiseCodec` for one channel. It uses the exact arithmetic of coding, so an
approximation has the same samples on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from idf.arithmetic.exact import Exact
from idf.coding.codec import LatentBlock
from idf.coding.mixture import PRECISION, IntegerMixture, intervals, locate
from idf.models.window.hierarchy import Block
from idf.models.window.model import Part, WindowModel
from idf.priors.mixture import FULL_SCALE_OCTAVES, LOGIT_BITS, MEAN_BITS, NATS_PER_OCTAVE, SCALE_BITS, Mixture


class WindowBlocks:
    """The blocks of a channel under a model.

    Args:
        parameters: on their grids, float64.
        log_scale: sharpness of the last block (:meth:`idf.models.window.model.WindowModel.blocks`).

    Attributes:
        names: names of the blocks, in the order of decoding.
    """

    def __init__(self, model: WindowModel, parameters: Mapping[str, np.ndarray], log_scale: float) -> None:
        self._model, self._parameters, self._log_scale = model, dict(parameters), log_scale
        self._arithmetic = Exact()
        self.names = tuple(reversed(model.hierarchy.names))

    def latent_blocks(self, channel: np.ndarray) -> list[LatentBlock]:
        """Return the blocks of a channel, int32 (n,), in the order of decoding.

        They include coded padding, whose times are that of the last sample.
        """
        a, hierarchy, multiple = self._arithmetic, self._model.hierarchy, self._model.multiple
        spans = [multiple // places.size for places in hierarchy.split(a, np.zeros((1, multiple)))]
        found: list[list[LatentBlock]] = [
            [_empty(name, span)] for name, span in zip(hierarchy.names, spans, strict=True)
        ]
        start = 0
        for part in self._model.cut(channel):
            times = np.arange(start, start + part.windows.size).reshape(part.windows.shape)
            start += part.windows.size
            places = hierarchy.split(a, np.minimum(times, len(channel) - 1))
            masks = hierarchy.split(a, part.coded)
            windows = part.windows.astype(np.float64)
            blocks = self._model.blocks(a, self._parameters, windows, self._log_scale)
            for pieces, place, mask, block in zip(found, places, masks, blocks, strict=True):
                pieces.append(_described(pieces[0], place, mask, block))
        return [_joined(pieces) for pieces in reversed(found)]

    def approximate(self, channel: np.ndarray, blocks: int) -> np.ndarray:
        """Return a channel, int32 (n,), from its first blocks, with every other latent at its conditional median.

        Raises:
            ValueError: ``blocks`` is out of range.
        """
        if not 0 <= blocks <= len(self.names):
            raise ValueError(f"blocks={blocks}: must be from 0 to {len(self.names)}")
        parts = [self._approximate(part, blocks) for part in self._model.cut(channel)]
        return np.concatenate([np.zeros(0), *parts])[: len(channel)].astype(np.int32)

    def _approximate(self, part: Part, blocks: int) -> np.ndarray:
        """Return the windows of a part, one after the other: float64 (samples,)."""
        a, hierarchy = self._arithmetic, self._model.hierarchy
        windows = part.windows.astype(np.float64)
        known = list(hierarchy.latents(a, self._parameters, windows))[::-1][:blocks]
        masks = list(hierarchy.split(a, part.coded))[::-1]
        decoded = 0

        def pop(mixture: Mixture) -> np.ndarray:
            nonlocal decoded
            number, decoded = decoded, decoded + 1
            if number < len(known):
                return known[number]
            latents = np.zeros(masks[number].shape)
            latents[masks[number]] = medians(to_integers(mixture, masks[number]))
            return latents

        restored: np.ndarray = self._model.windows(a, self._parameters, pop, windows, self._log_scale)
        return restored.reshape(-1)


def medians(mixture: IntegerMixture) -> np.ndarray:
    """Return the median of each symbol under the integer CDF that codes it: int32 (n,)."""
    return locate(np.full(len(mixture), 1 << (PRECISION - 1), np.int64), mixture).symbols


def _empty(name: str, span: int) -> LatentBlock:
    whole, real = np.zeros(0, np.int32), np.zeros(0, np.float32)
    return LatentBlock(name, span, np.zeros(0, np.int64), whole, whole, real, real)


def _described(like: LatentBlock, places: np.ndarray, mask: np.ndarray, block: Block) -> LatentBlock:
    """Return a block of some windows, with the name and span of ``like``."""
    latents = block.latents[mask].astype(np.int32)
    mixture = to_integers(block.mixture, mask)
    _, frequencies = intervals(latents, mixture)
    weights = np.exp(block.mixture.logits - block.mixture.logits.max(-1, keepdims=True))
    octaves = np.sum(weights * block.mixture.octaves, -1) / np.sum(weights, -1)
    return LatentBlock(
        name=like.name,
        span=like.span,
        times=places[mask].astype(np.int64),
        latents=latents,
        medians=medians(mixture),
        log_scales=((octaves[mask] - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE).astype(np.float32),
        bits=(PRECISION - np.log2(frequencies)).astype(np.float32),
    )


def _joined(pieces: list[LatentBlock]) -> LatentBlock:
    def field(name: str) -> np.ndarray:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    return LatentBlock(
        *(pieces[0].name, pieces[0].span, field("times"), field("latents"), field("medians")),
        *(field("log_scales"), field("bits")),
    )


def to_integers(mixture: Mixture, mask: np.ndarray) -> IntegerMixture:
    """Return the coder's form of an exact mixture for the latents where ``mask`` is True, in C order."""

    everywhere = mask.all()

    def integers(x: np.ndarray, bits: int) -> np.ndarray:
        chosen = x.reshape(-1, x.shape[-1]) if everywhere else x[mask]
        return (chosen * 2.0**bits).astype(np.int32)

    return IntegerMixture(
        logits=integers(mixture.logits, LOGIT_BITS),
        means=integers(mixture.means, MEAN_BITS),
        scales=integers(mixture.octaves, SCALE_BITS),
    )
