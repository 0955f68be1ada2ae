"""The channelwise prior: a small net for each channel, with all nets in one product during training.

Channel c of a frame is coded given channels 0 … c - 1 of this frame and of ``context`` frames on
each side. Compared with the exact chain rule, factoring out one channel at a time loses almost
nothing, yet decoding needs only G parallel steps. Each net gates a set of learned linear predictors
(a mixture of linear experts) and adds the result to a fixed linear path, because the prediction of
sound is mostly linear. Offsets and scales are relative to the local level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from idf.arithmetic import FINE_BITS, Arithmetic, Array, Parameters, Specs, normal, values, zeros
from idf.nets.layers import first_layer, residual_layer
from idf.nets.level import LocalLevel, level_of, mean_power, power_around
from idf.nets.patches import patches
from idf.priors.experts import expert_basis, expert_mixture
from idf.priors.mixture import Mixture
from idf.priors.passes import MemorylessPass


@dataclass(frozen=True)
class ChannelwiseWidth:
    """Sizes of each channel's net; see :class:`idf.config.schema.WidthConfig`."""

    hidden: int
    blocks: int
    context_frames: int
    experts: int
    components: int


class ChannelwisePrior:
    """The mixtures of channels 1 … channels - 1; the base codes channel 0.

    Parameter axes are (net, ...); net n serves channel n + 1. First-layer kernels are
    (net, 2 · context + 1, channels, outputs), of which net n uses the first n + 1 channels.
    """

    def __init__(self, name: str, channels: int, width: ChannelwiseWidth) -> None:
        self.name, self.channels, self.width = name, channels, width
        nets, taps, hidden, m = channels - 1, 2 * width.context_frames + 1, width.hidden, width.components
        inputs = taps * channels
        bias = np.zeros((nets, 1, 3 * m + width.experts))
        bias[:, :, 2 * m : 3 * m] = ((np.linspace(-1.5, 1.5, m) if m > 1 else np.zeros(1)) - 1.5) / math.log(2.0)
        self.specs: Specs = {
            f"{name}/first/kernel": normal((nets, taps, channels, hidden), 1 / math.sqrt(inputs)),
            f"{name}/first/bias": zeros((nets, 1, hidden)),
            f"{name}/first/level": zeros((nets, 1, hidden)),
            f"{name}/last/kernel": zeros((nets, hidden, 3 * m + width.experts)),
            f"{name}/last/bias": values(bias),
            f"{name}/linear": zeros((nets, taps, channels, 1), bits=FINE_BITS),
        }
        for block in range(width.blocks):
            self.specs[f"{name}/{block}/kernel"] = normal((nets, hidden, hidden), 1 / math.sqrt(hidden))
            self.specs[f"{name}/{block}/bias"] = zeros((nets, 1, hidden))
        if width.experts:
            self.specs[f"{name}/experts"] = normal(
                (nets, taps, channels, width.experts), 0.3 / math.sqrt(inputs), bits=FINE_BITS
            )

    def begin(self, a: Arithmetic, p: Parameters) -> MemorylessPass:
        """Return a pass over the blocks of windows."""
        return MemorylessPass(self, a, p)

    def mixture(self, a: Arithmetic, p: Parameters, block: int, remaining: Array) -> Mixture:
        """Return the mixture of factored block ``block``: (batch, time, 1, components) from (batch, time, remaining).

        Block 0 is the last channel, which is the first to leave.
        """
        batch, time, known = a.shape(remaining)
        net = slice(known - 1, known)
        power = power_around(a, remaining, self.width.context_frames, float(known))
        level = level_of(a, a.reshape(power, (1, batch * time, 1)))
        mixture = self._nets(a, p, net, known, self._patches(a, remaining), level)
        shape = (batch, time, 1, self.width.components)
        return Mixture(*(a.reshape(x, shape) for x in (mixture.logits, mixture.means, mixture.octaves)))

    def all_mixtures(self, a: Arithmetic, p: Parameters, h: Array) -> Mixture:
        """Return the mixtures of all channels together: (channels - 1, batch · time, components).

        For training (teacher forcing): ``h`` (batch, time, channels) contains every channel, and masks hide
        from each net the channels that its decoder does not know.
        """
        batch, time, channels = a.shape(h)
        nets = channels - 1
        below = a.constant(np.triu(np.ones((channels, nets))))  # column n sums channels 0 … n
        energy = a.box_sum(a.matmul(h * h, below), self.width.context_frames)
        count = a.box_sum(h[..., :1] * 0.0 + a.constant(np.arange(1.0, channels)), self.width.context_frames)

        def by_net(x: Array) -> Array:
            return a.reshape(a.transpose(x, (2, 0, 1)), (nets, batch * time, 1))

        known = a.constant(np.tril(np.ones((nets, channels)))[:, None, :, None])
        masked = dict(p)
        for kernel in ("first/kernel", "linear", "experts"):
            if f"{self.name}/{kernel}" in p:
                masked[f"{self.name}/{kernel}"] = p[f"{self.name}/{kernel}"] * known
        level = level_of(a, mean_power(by_net(energy), by_net(count)))
        return self._nets(a, masked, slice(0, nets), channels, self._patches(a, h), level)

    def _patches(self, a: Arithmetic, h: Array) -> Array:
        """Return each frame with its neighbours, joined: (batch · time, (2 · context + 1) · channels)."""
        batch, time, channels = a.shape(h)
        context = self.width.context_frames
        return a.reshape(patches(a, h, context), (batch * time, (2 * context + 1) * channels))

    def _nets(self, a: Arithmetic, p: Parameters, nets: slice, known: int, around: Array, level: LocalLevel) -> Mixture:
        """Run the nets of ``nets`` on ``around`` (positions, taps · known); level fields are (nets, positions, 1)."""
        width, hidden = self.width, self.width.hidden

        def of(name: str) -> Array:
            return p[f"{self.name}/{name}"][nets]

        # all kernels that read samples, for a single product: (nets, taps · known, outputs)
        readers = ["first/kernel", "linear"] + ["experts"] * (width.experts > 0)
        kernel = a.concat([of(name)[:, :, :known] for name in readers], -1)
        count, taps, channels, outputs = a.shape(kernel)
        read = a.matmul(around, a.reshape(kernel, (count, taps * channels, outputs)))
        h = first_layer(a, read, level, of("first/bias"), of("first/level"))
        for block in range(width.blocks):
            h = residual_layer(a, h, of(f"{block}/kernel"), of(f"{block}/bias"))
        linear, basis = read[..., hidden : hidden + 1], expert_basis(a, read, hidden + 1)
        out = a.matmul(h, of("last/kernel"))
        return expert_mixture(a, out, of("last/bias"), basis, linear, level, width.components)
