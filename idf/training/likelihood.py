"""The number that training lowers: −log2 p of windows under a model, block by block, differentiable.

The same flows and priors that code (:mod:`idf.models`) run here in float32 with straight-through
rounding; only the way through a channelwise prior differs: all its nets in one product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tensorflow as tf

from idf.arithmetic import Parameters
from idf.arithmetic.differentiable import Differentiable
from idf.flows.hierarchy import Block, Hierarchy
from idf.flows.squeeze import squeeze, unsqueeze
from idf.models import WindowModel
from idf.priors import ChannelwisePrior
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture

_ARITHMETIC = Differentiable()


@dataclass(frozen=True)
class WindowBits:
    """Code lengths of a batch.

    Attributes:
        bits: float32 (batch,), total bits of each window.
        block_bits: float32 (blocks,), mean bits of each block for one sample of the window, so that
            they add up to the bits per sample.
        log_scales: float32 (blocks, 3), mean, maximum and minimum of the log-scales of each block's
            mixtures, nats on the [-1, 1) scale.
        names: of the blocks.
    """

    bits: tf.Tensor
    block_bits: tf.Tensor
    log_scales: tf.Tensor
    names: tuple[str, ...]


def training_bits(
    model: WindowModel,
    parameters: Mapping[str, tf.Tensor],
    windows: tf.Tensor,
    sharpness: tf.Tensor | float | None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """−log2 p of ``windows``.

    Args:
        parameters: trained arrays by name, float32, not yet on their grids.
        windows: int32 (batch, N), N a multiple of ``model.multiple``.
        sharpness: log-scale of the last block (nats, [-1, 1) scale); None where it is learned.
        coded: float32 (batch, N), 0 where a sample pads the end of a clip, else 1. A flow that leaves
            samples in place does not code padding (:mod:`idf.coding.window_codec`); others do, and
            ignore this.
    """
    p = model.quantise(_ARITHMETIC, parameters)
    x = tf.cast(windows, tf.float32)
    log_scale = tf.constant(0.0) if sharpness is None else sharpness
    total: tf.Tensor = 0.0
    block_bits, log_scales, names = [], [], []
    samples = tf.cast(tf.shape(x)[1], tf.float32)
    weights = None if coded is None or model.hierarchy.moves_samples else model.hierarchy.split(_ARITHMETIC, coded)
    for block in _all_blocks(model.hierarchy, p, x, log_scale):
        latent_bits = mixture_bits(block.latents, block.mixture)
        bits = tf.reduce_sum(latent_bits if weights is None else latent_bits * next(weights), [1, 2])
        total += bits
        block_bits.append(tf.reduce_mean(bits) / samples)
        nats = (block.mixture.octaves - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE
        log_scales.append(tf.stack([tf.reduce_mean(nats), tf.reduce_max(nats), tf.reduce_min(nats)]))
        names.append(block.name)
    return WindowBits(total, tf.stack(block_bits), tf.stack(log_scales), tuple(names))


def _all_blocks(hierarchy: Hierarchy, p: Parameters, x: tf.Tensor, log_scale: tf.Tensor) -> Iterator[Block]:
    """The blocks of :meth:`Hierarchy.forward`, channelwise priors in one batched product a hierarchy."""
    if not isinstance(hierarchy.prior, ChannelwisePrior):
        yield from hierarchy.forward(_ARITHMETIC, p, x, log_scale)
        return
    h = squeeze(_ARITHMETIC, x, hierarchy.channels)
    batch, time, channels = _ARITHMETIC.shape(h)
    stacked = hierarchy.prior.all_mixtures(_ARITHMETIC, p, h)
    for block in range(channels - 1):
        channel = channels - 1 - block
        fields = (stacked.logits, stacked.means, stacked.octaves)
        mixture = Mixture(*(tf.reshape(x[channel - 1], (batch, time, 1, -1)) for x in fields))
        yield Block(f"z{block + 1}", h[..., channel : channel + 1], mixture)
    if isinstance(hierarchy.rest, Hierarchy):
        for inner in _all_blocks(hierarchy.rest, p, unsqueeze(_ARITHMETIC, h[..., :1]), log_scale):
            yield inner if inner.name == "base" else Block(f"rest/{inner.name}", inner.latents, inner.mixture)
    else:
        yield from hierarchy.rest_blocks(_ARITHMETIC, p, h[..., :1], log_scale)
