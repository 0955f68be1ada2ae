"""Integer additive coupling (Hoogeboom et al. 2019, eq. 8): ``x_b ← wrap16(x_b + round(s · net(x_a / s)))``.

The net sees the first channels (x_a) and shifts the others (x_b). Wrapping modulo 2^16 keeps every
latent within 16 bits, so any input can be coded.
"""

from __future__ import annotations

from idf.arithmetic import Arithmetic, Array, Parameters
from idf.nets import WaveNet
from idf.nets.level import normalise_by_level, normalise_full_scale


class AdditiveCoupling:
    """Shifts ``channels - seen`` channels by the output of a WaveNet on the first ``seen`` channels.

    Args:
        level_equivariant: normalise the net's input by the local level, not by full scale (:mod:`idf.nets.level`).
        offset: added to every shift, in 16-bit steps; not 0 only to show how the original's wrap affects training.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        seen: int,
        *,
        level_equivariant: bool,
        layers: int,
        hidden: int,
        kernel: int,
        offset: int = 0,
    ) -> None:
        self.seen = seen
        self.offset = float(offset)
        self.normalise = normalise_by_level if level_equivariant else normalise_full_scale
        inputs = seen + (1 if level_equivariant else 0)
        self.net = WaveNet(name, inputs, channels - seen, layers=layers, channels=hidden, kernel=kernel)
        self.specs = self.net.specs

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        seen = x[..., : self.seen]
        return a.concat([seen, a.wrap16(x[..., self.seen :] + self._shift(a, p, seen))], -1)

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        seen = z[..., : self.seen]
        return a.concat([seen, a.wrap16(z[..., self.seen :] - self._shift(a, p, seen))], -1)

    def _shift(self, a: Arithmetic, p: Parameters, seen: Array) -> Array:
        normalised = self.normalise(a, seen)
        return a.grid(self.net(a, p, normalised.x) * normalised.scale, 0, 65536.0) + self.offset
