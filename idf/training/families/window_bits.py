"""The training loss of window flows: −log2 p of windows under a model, block by block, differentiable.

This evaluates the flows and priors of :mod:`idf.models.window.model` in float32 with straight-through rounding. The
only difference is that all nets of a channelwise or tracked prior are evaluated together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from idf.arithmetic import Parameters
from idf.arithmetic.differentiable import Differentiable
from idf.flows import GatedCoupling
from idf.flows.squeeze import squeeze, unsqueeze
from idf.models.window.hierarchy import Block, Hierarchy
from idf.models.window.model import WindowModel
from idf.priors import ChannelwisePrior, TrackedPrior
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture
from idf.quiet_tensorflow import tf
from idf.training.families.interface import WindowBits

_ARITHMETIC = Differentiable()


def training_bits(
    model: WindowModel,
    parameters: Mapping[str, tf.Tensor],
    windows: tf.Tensor,
    sharpness: tf.Tensor | float | None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """Return −log2 p of ``windows``.

    Args:
        parameters: trained arrays by name, float32, before quantisation.
        windows: int32 (batch, N), N a multiple of ``model.multiple``.
        sharpness: log-scale of the last block (nats, [-1, 1) scale); None if it is learned.
        coded: float32 (batch, N), 0 for samples that pad the end of a clip, otherwise 1. Flows that leave
            samples in place do not code padding (:mod:`idf.models.window.codec`); others do and ignore
            this.
    """
    p = model.quantise(_ARITHMETIC, parameters)
    x = tf.cast(windows, tf.float32)
    log_scale = tf.constant(0.0) if sharpness is None else sharpness
    weights = None
    if coded is not None and not model.hierarchy.moves_samples:
        weights = model.hierarchy.split(_ARITHMETIC, coded)
    samples = tf.cast(tf.shape(x)[1], tf.float32)
    bits, log_scales, names = [], [], []
    for stack in _stacks(model.hierarchy, p, x, log_scale):
        latent_bits = mixture_bits(stack.latents, stack.mixture)
        if weights is not None:
            latent_bits *= tf.stack([next(weights) for _ in stack.names])
        bits.append(tf.reduce_sum(latent_bits, [2, 3]))
        nats = (stack.mixture.octaves - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE
        axes = [1, 2, 3, 4]
        log_scales.append(
            tf.stack([tf.reduce_mean(nats, axes), tf.reduce_max(nats, axes), tf.reduce_min(nats, axes)], -1)
        )
        names += stack.names
    block_bits = tf.concat(bits, 0)
    return WindowBits(
        bits=tf.reduce_sum(block_bits, 0),
        block_bits=tf.reduce_mean(block_bits, 1) / samples,
        log_scales=tf.concat(log_scales, 0),
        names=tuple(names),
        samples=samples,
    )


@dataclass(frozen=True)
class _Stack:
    """Blocks of equal shape, scored together: latents (blocks, batch, time, channels), mixtures with one more axis."""

    names: list[str]
    latents: tf.Tensor
    mixture: Mixture


def _stacks(
    hierarchy: Hierarchy, p: Parameters, x: tf.Tensor, log_scale: tf.Tensor, prefix: str = ""
) -> Iterator[_Stack]:
    """Yield the blocks of :meth:`Hierarchy.forward`, those of a channelwise or tracked prior stacked."""
    match hierarchy.prior:
        case ChannelwisePrior():
            h = squeeze(_ARITHMETIC, x, hierarchy.channels)
            latents, last = tf.transpose(h, (2, 0, 1))[1:], h[..., :1]
            by_net = hierarchy.prior.all_mixtures(_ARITHMETIC, p, h)
        case TrackedPrior():
            frames, latents, last = _traced(hierarchy, p, squeeze(_ARITHMETIC, x, hierarchy.channels))
            by_net = hierarchy.prior.all_mixtures(_ARITHMETIC, p, frames, latents)
        case _:
            for block in hierarchy.forward(_ARITHMETIC, p, x, log_scale):
                yield _single(block)
            return
    nets = hierarchy.channels - 1
    _, batch, time = _ARITHMETIC.shape(latents)

    def in_order_of_leaving(field: tf.Tensor) -> tf.Tensor:
        return tf.reshape(field[::-1], (nets, batch, time, 1, field.shape[-1]))

    mixture = Mixture(*map(in_order_of_leaving, (by_net.logits, by_net.means, by_net.octaves)))
    yield _Stack([f"{prefix}z{block + 1}" for block in range(nets)], latents[::-1, ..., None], mixture)
    if isinstance(hierarchy.rest, Hierarchy):
        yield from _stacks(hierarchy.rest, p, unsqueeze(_ARITHMETIC, last), log_scale, f"{prefix}rest/")
    else:
        for block in hierarchy.rest_blocks(_ARITHMETIC, p, last, log_scale):
            yield _single(block)


def _traced(hierarchy: Hierarchy, p: Parameters, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Compute :meth:`Hierarchy.factor` of ``layout=flow`` for each net, with every channel in its original place.

    Returns:
        Frames (nets, batch, time, channels), factored-out latents (nets, batch, time), and the last channel
        (batch, time, 1).
    """
    couplings = [step for step in hierarchy.steps[0] if isinstance(step, GatedCoupling)]
    if couplings:
        every = couplings[0].couplings.trace(_ARITHMETIC, p, h)
        frames = every[len(couplings) - 1 :: len(couplings)][::-1]
    else:
        frames = tf.repeat(h[None], hierarchy.channels - 1, 0)
    orders = hierarchy.channel_orders()[::-1]
    latents = tf.stack([frames[net, ..., int(leaving[0])] for net, (_, leaving) in enumerate(orders)])
    last = int(orders[0][0][0])
    return frames, latents, frames[0, ..., last : last + 1]


def _single(block: Block) -> _Stack:
    mixture = block.mixture
    fields = (field[None] for field in (mixture.logits, mixture.means, mixture.octaves))
    return _Stack([block.name], block.latents[None], Mixture(*fields))
