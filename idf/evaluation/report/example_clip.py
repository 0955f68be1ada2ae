"""The example clip on a run's page: its choice, its latents and rate, and its decoding from the first blocks."""

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
"""Length of the excerpt: long enough to listen to, short enough for a page of one or two megabytes."""
STEPS, PLAYERS = 9, 6
"""Points of the quality curve, and how many of them get a player."""


@dataclass(frozen=True)
class ExampleClip:
    """A clip, or its beginning.

    Attributes:
        coded: its samples, blocks and bits.
        seconds: duration of the whole clip.
        steps: the clip decoded from its first blocks; empty if the codec has no blocks or gives no approximations
            (whitened models).
    """

    coded: CodedClip
    seconds: float
    steps: tuple[Step, ...] = ()

    @property
    def heard(self) -> list[Step]:
        """The steps with a player, without the last one, which is the clip itself."""
        steps = self.steps[:-1]
        return [steps[index] for index in pick_evenly(len(steps), PLAYERS - 1)]


def make_example_clip(codec: ChunkCodec, dataset: Dataset, clips: Sequence[Clip], results: Results) -> ExampleClip:
    """Code the beginning of the typical clip (:func:`typical_clip`) and decode it from its first blocks.

    Args:
        codec: of the evaluated model.
        dataset: provides the samples.
        clips: the evaluated clips, in the order of the results.
        results: the clips' sizes.

        Raises:
            DataError: the clip cannot be read.
            RunError: the codec shows neither its blocks nor its bits per sample.
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
    """Return the codec as one that decodes approximations, or None if it has no blocks or does not approximate."""
    try:
        return partial_codec(codec, 1)
    except RunError:
        return None


def typical_clip(results: Results) -> int:
    """Return the index of the clip with the median bits per sample, ignoring clips under a second if others exist."""
    records = results.per_clip[results.rows[0].codec]
    lasting = [number for number, clip in enumerate(records) if clip["samples"] >= clip["rate_hz"] * clip["channels"]]
    ranked = sorted(
        lasting or range(len(records)), key=lambda number: records[number]["bytes"] / records[number]["samples"]
    )
    return ranked[len(ranked) // 2]


def steps_by_bits(bits: Sequence[float], most: int) -> list[int]:
    """Return increasing block counts k whose first k blocks take about evenly spaced bits; includes 1 and all.

    Args:
        bits: of each block, in decoding order.
        most: the largest number of counts, at least 2.
    """
    if len(bits) <= most:
        return list(range(1, len(bits) + 1))
    spent = np.cumsum(bits)
    wanted = spent[0] + (spent[-1] - spent[0]) * np.arange(most) / (most - 1)
    nearest = np.abs(spent[:, None] - wanted).argmin(axis=0) + 1
    return sorted({1, len(bits), *nearest.tolist()})
