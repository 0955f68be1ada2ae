"""The cost of exact arithmetic: bits per sample of one model, computed in several ways.

python -m benchmarks.exactness [MODEL]      a model of layout channelwise or original (default: channelwise)

Measured over the test clips of the bundled speech:

* float: weights, activations and distribution parameters clipped but not rounded; NumPy float64;
* training: the float32 TensorFlow path with rounding, whose value training minimises;
* exact: the coder's integer parameters, −log2 p of the real-valued distributions that they represent;
* integers: −log2 of the coder's integer frequencies. No symbol costs more than 28 bits there, so an unexpected
  click can make this value the smaller one;
* files: the bytes of the coder's messages, and of whole ``.idf`` files.

A model file stores rounded weights. With the unrounded weights (``--checkpoint best.npz`` of its run) the float row
uses those; otherwise it uses the rounded ones and shows the cost of all later rounding only. The exit status is 1 if
exact arithmetic costs more than the limit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

import idf
from idf.arithmetic import ACTIVATION_LIMIT, ParameterSpec, Result
from idf.arithmetic.exact import Exact
from idf.arithmetic.levels import LEVELS_PER_OCTAVE
from idf.coding.mixture import PRECISION, ideal_bits, intervals
from idf.datasets.demo import demo_folder, read_demo_manifest
from idf.errors import RunError, run_main
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.models.window.codec import WindowCodec, to_integers
from idf.priors.mixture import Mixture

PROMISED = 0.003
"""Largest acceptable cost of exact arithmetic, as a share of the bits."""


class Unrounded(Exact):
    """The formulas of :class:`Exact` in float64, clipped in the same way but never rounded."""

    def quantise(self, spec: ParameterSpec, value: np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(value, np.float64), -spec.limit, spec.limit)

    def fused(self, formula: Callable[..., Result], compiled: Callable[..., Result], *arguments: Any) -> Result:
        return formula(self, *arguments)

    def grid(self, x: np.ndarray, bits: int, limit: float) -> np.ndarray:
        clipped = np.clip(x, -limit, limit)
        # 0 bits: a coupling's shift of samples, which is an integer in every integer flow
        return np.rint(clipped) if bits == 0 else clipped

    def log2(self, x: np.ndarray) -> np.ndarray:
        return np.log2(x)

    def exp2(self, x: np.ndarray) -> np.ndarray:
        return np.exp2(x)

    def unit(self, x: np.ndarray) -> np.ndarray:
        c = np.clip(x, -2.0, 0.0)
        return np.minimum(np.clip(x, 0.0, ACTIVATION_LIMIT) + c + c * c * 0.25, ACTIVATION_LIMIT)

    def level_value(self, index: np.ndarray) -> np.ndarray:
        return np.exp2(index / LEVELS_PER_OCTAVE)


@dataclass
class Bits:
    """Total bits over the clips, by row, and their number of samples."""

    samples: int = 0
    totals: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, bits: float) -> None:
        """Add a clip's bits to a row."""
        self.totals[name] = self.totals.get(name, 0.0) + bits


def clips() -> Iterator[np.ndarray]:
    """Yield the test clips of the bundled speech, int32 (time,) each."""
    for clip in read_demo_manifest().clips:
        if clip.part == "test":
            yield soundfile.read(demo_folder() / f"{clip.name}.flac", dtype="int16")[0].astype(np.int32)


def float_bits(latents: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return −log2 p in float64 of a mixture with unrounded parameters.

    Args:
        latents: (n,).
        mixture: fields (n, components).

    Returns:
        (n,), bits.
    """
    z = latents[:, None]
    inverse = np.exp2(-mixture.octaves)
    upper = np.where(z >= 32767, np.inf, (z + 0.5 - mixture.means) * inverse)
    lower = np.where(z <= -32768, -np.inf, (z - 0.5 - mixture.means) * inverse)
    inner = np.where(np.isfinite(upper) & np.isfinite(lower), inverse, np.inf)
    log_mass = -np.logaddexp(0, -upper) - np.logaddexp(0, lower) + np.log(-np.expm1(-inner))
    weights = mixture.logits - np.logaddexp.reduce(mixture.logits, axis=1, keepdims=True)
    bits: np.ndarray = -np.logaddexp.reduce(weights + log_mass, axis=1) / np.log(2)
    return bits


def exact_bits(latents: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return −log2 p of the coder's integer parameters (:func:`idf.coding.mixture.ideal_bits`)."""
    everywhere = np.ones(len(latents), bool)
    return ideal_bits(latents.astype(np.int32), to_integers(mixture, everywhere))


def integer_bits(latents: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return −log2 of the coder's integer frequencies: the size of the rANS message without its head."""
    everywhere = np.ones(len(latents), bool)
    _, frequencies = intervals(latents.astype(np.int32), to_integers(mixture, everywhere))
    bits: np.ndarray = PRECISION - np.log2(frequencies)
    return bits


def clip_bits(
    codec: WindowCodec,
    arithmetic: Exact,
    weights: dict[str, np.ndarray],
    samples: np.ndarray,
    bits: Callable[[np.ndarray, Mixture], np.ndarray],
) -> float:
    """Return the bits of a clip under one arithmetic."""
    parameters = codec.model.quantise(arithmetic, weights)
    total = 0.0
    for part in codec.model.cut(samples):
        masks = codec.model.hierarchy.split(arithmetic, part.coded)
        blocks = codec.model.blocks(arithmetic, parameters, part.windows.astype(np.float64), codec.log_scale)
        for mask, block in zip(masks, blocks, strict=True):
            fields = (block.mixture.logits, block.mixture.means, block.mixture.octaves)
            mixture = Mixture(*(np.broadcast_to(x, (*mask.shape, x.shape[-1]))[mask] for x in fields))
            total += float(bits(block.latents[mask], mixture).sum())
    return total


def measure(path: Path, float_weights: dict[str, np.ndarray] | None) -> Bits:
    """Return all rows for a model file.

    Args:
        path: of the model file.
        float_weights: unrounded weights for the row float; None for those of the file.

    Raises:
        RunError: the model is not a window flow with networks in exact arithmetic.
    """
    from idf.training.families.load import model_nll_bits

    codec = load_codec(path)
    if not isinstance(codec, WindowCodec):
        raise RunError(
            f"{path} has no networks in exact arithmetic (adaptive flows and layout=bands use strictly ordered floats); "
            "choose a model of layout=channelwise or original"
        )
    found = Bits()
    for samples in clips():
        found.samples += len(samples)
        weights = float_weights or codec.parameters
        found.add("float", clip_bits(codec, Unrounded(), weights, samples, float_bits))
        found.add("exact", clip_bits(codec, Exact(), codec.parameters, samples, exact_bits))
        found.add("integers", clip_bits(codec, Exact(), codec.parameters, samples, integer_bits))
        found.add("messages", 8.0 * len(codec.encode(samples[:, None])))
        found.add("files", 8.0 * len(idf.compress(samples.astype(np.int16), 8000, model=path)))
    found.totals["training"] = float(sum(model_nll_bits(path, clips())))
    return found


def main() -> int:
    """Print the table and return 1 if the cost exceeds the limit, else 0."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", nargs="?", help="name or path of a model file")
    parser.add_argument("--checkpoint", type=Path, help="file of the unrounded weights, .npz")
    arguments = parser.parse_args()
    path = find_model(arguments.model or "channelwise")
    float_weights = None
    if arguments.checkpoint:
        from idf.runs.checkpoints import load_checkpoint

        float_weights = dict(load_checkpoint(arguments.checkpoint).weights)
    bits = measure(path, float_weights)
    table = Table("", "bits/sample", "over float", title=f"{path.stem}: {bits.samples:,} samples of test speech")
    rows = {
        "float": "float64, nothing rounded" + ("" if float_weights else " except the weights"),
        "training": "training path, float32, rounded",
        "exact": "exact path, −log2 p",
        "integers": "exact path, the coder's frequencies",
        "messages": "rANS messages",
        "files": ".idf files (with headers, for clips of seconds)",
    }
    for name, title in rows.items():
        over = bits.totals[name] / bits.totals["float"] - 1
        table.add_row(title, f"{bits.totals[name] / bits.samples:.5f}", f"{100 * over:+.3f} %")
    Console().print(table)
    cost = bits.totals["exact"] / bits.totals["float"] - 1
    print(f"exact arithmetic costs {100 * cost:.3f} % of the bits; limit: {100 * PROMISED:g} %")
    return int(cost > PROMISED)


if __name__ == "__main__":
    sys.exit(run_main(main))
