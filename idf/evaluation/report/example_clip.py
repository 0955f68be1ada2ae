"""The clip that a run's page shows: which one, what the codec makes of it, and how it sounds from its first blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.container.approximation import PartialCodec, partial_codec
from idf.datasets.dataset import Clip, Dataset
from idf.errors import RunError
from idf.evaluation.clip.latents import CodedClip, look_into, pick_evenly
from idf.evaluation.clip.progressive import Step, progressive_steps
from idf.evaluation.results import Results

SECONDS = 6.0
"""Of the clip: enough to hear, and a page of a megabyte or two."""
STEPS, PLAYERS = 9, 6
"""Points of the curve of quality, and how many of them are to be heard."""


@dataclass(frozen=True)
class ExampleClip:
    """A clip, or its beginning.

    Attributes:
        coded: what the codec makes of it.
        seconds: of the whole clip.
        steps: what its first blocks give; none for a codec without blocks, and for a whitened one, which gives no
            approximations.
    """

    coded: CodedClip
    seconds: float
    steps: tuple[Step, ...] = ()

    @property
    def heard(self) -> list[Step]:
        """The steps that are played; the last, which is the clip itself, is not among them."""
        steps = self.steps[:-1]
        return [steps[index] for index in pick_evenly(len(steps), PLAYERS - 1)]


def make_example_clip(codec: ChunkCodec, dataset: Dataset, clips: Sequence[Clip], results: Results) -> ExampleClip:
    """Look at the beginning of the clip that is most like the others.

    Args:
        codec: of the evaluated model.
        clips: those that were coded, in the order of the results.
        results: tell which clip is typical.

    Raises:
        DataError: the clip cannot be read.
        RunError: the codec cannot be looked into.
    """
    clip = clips[typical_clip(results)]
    audio = dataset.read(clip).first_channel
    samples = audio.samples[: max(1, round(SECONDS * audio.rate_hz))]
    coded = look_into(codec, clip.name, samples, audio.rate_hz)
    seconds = len(audio.samples) / audio.rate_hz
    partial = _partial(codec)
    if partial is None:
        return ExampleClip(coded, seconds)
    chosen = steps_by_bits([float(block.bits.sum(dtype=np.float64)) for block in coded.blocks], STEPS)
    return ExampleClip(coded, seconds, tuple(progressive_steps(partial, samples, audio.rate_hz, chosen)))


def _partial(codec: ChunkCodec) -> PartialCodec | None:
    """The codec as one that gives approximations; None where it has no blocks, or none that approximate."""
    try:
        return partial_codec(codec, 1)
    except RunError:
        return None


def typical_clip(results: Results) -> int:
    """The clip whose bits per sample are the median of the model's; of clips shorter than a second only if all are."""
    records = results.per_clip[results.rows[0].codec]
    lasting = [number for number, clip in enumerate(records) if clip["samples"] >= clip["rate_hz"] * clip["channels"]]
    ranked = sorted(
        lasting or range(len(records)), key=lambda number: records[number]["bytes"] / records[number]["samples"]
    )
    return ranked[len(ranked) // 2]


def steps_by_bits(bits: Sequence[float], most: int) -> list[int]:
    """Numbers of blocks, the first k of which cost about equal steps of bits; 1 and all of them always.

    Args:
        bits: of each block, in the order of decoding.
        most: of the numbers, 2 or more.
    """
    if len(bits) <= most:
        return list(range(1, len(bits) + 1))
    spent = np.cumsum(bits)
    wanted = spent[0] + (spent[-1] - spent[0]) * np.arange(most) / (most - 1)
    nearest = np.abs(spent[:, None] - wanted).argmin(axis=0) + 1
    return sorted({1, len(bits), *nearest.tolist()})
