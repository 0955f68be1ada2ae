"""The parts of a run's page that show one clip: rate over time, latents, scales, and how its first blocks sound."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from idf.evaluation.clip.latent_plots import draw_bits, draw_latents, draw_quality, draw_scales
from idf.evaluation.clip.latents import CodedClip
from idf.evaluation.clip.progressive import Step
from idf.evaluation.report.example_clip import ExampleClip
from idf.page.document import player, to_flac, two_widths
from idf.page.markup import Markup, element, join


def one_clip(example: ExampleClip) -> Markup:
    """The clip, and its rate under its spectrogram."""
    coded = example.coded
    whole = "the whole clip"
    if coded.seconds < example.seconds:
        whole = f"the first {coded.seconds:g} of {example.seconds:.1f} seconds, here and below"
    about = f"{coded.name}: {whole}. Of all clips it is the typical one: its bits per sample are their median."
    if coded.blocks:
        seen = "Each colour is a block of latents or a group of neighbouring ones, the first decoded at the bottom."
    else:
        seen = "The model has no blocks of latents: it codes sample by sample, each given those before it."
    return join(
        [
            element("p", about),
            _sound(coded, coded.samples, "the clip as it is"),
            two_widths(functools.partial(draw_bits, coded), "bits", _bits_in_words(coded)),
            element("p", f"Loud and noisy sounds cost most, pauses least. {seen}", class_="note"),
        ]
    )


def latents(example: ExampleClip) -> Markup:
    """What the flow makes of the clip, block by block."""
    coded = example.coded
    names = ", ".join(block.name for block in coded.blocks)
    blocks = f"{len(coded.blocks)} blocks of latents, in the order of decoding {names}"
    return join(
        [
            two_widths(functools.partial(draw_latents, coded), "latents", f"Waveform and latents over time. {blocks}."),
            element(
                "p",
                "In front of each block's latents stands what is left of them once the prior's median, which knows the "
                "blocks decoded before, is taken away. The narrower that is, the fewer bits.",
                class_="note",
            ),
            two_widths(functools.partial(draw_scales, coded), "scales", _scales_in_words(coded)),
            element(
                "p",
                "The log-scale says how sure a prior is, in nats on the [−1, 1) scale of amplitudes: one less saves "
                "1.44 bits a latent, as long as the prediction keeps up.",
                class_="note",
            ),
        ]
    )


def reconstruction(example: ExampleClip) -> Markup:
    """What the first blocks give: a curve, and players."""
    last = example.steps[-1]
    draw = functools.partial(draw_quality, example.steps)
    items = [_step(example.coded, step, last.blocks) for step in example.heard]
    end = element(
        "li",
        element("h3", f"All {last.blocks} blocks: the clip itself"),
        element("p", f"{last.bits_per_sample:.3f} bits/sample, every sample as it was"),
        _sound(example.coded, example.coded.samples, f"the clip from all {last.blocks} blocks"),
    )
    return join(
        [
            element(
                "p",
                "A decoder gets the blocks one after another. Here it stops early: latents it does not have are at the "
                "median of their distribution given those it has, and the inverse flow makes sound of them.",
            ),
            two_widths(draw, "quality", _quality_in_words(example.steps)),
            element("ol", *items, end, class_="steps"),
        ]
    )


def _step(coded: CodedClip, step: Step, of: int) -> Markup:
    many = f"The first {step.blocks} of {of} blocks, up to {step.name}"
    first = many if step.blocks > 1 else f"The first of {of} blocks, {step.name}"
    cost = f"{step.bits_per_sample:.3f} bits/sample, {100 * step.share:.0f} % of all"
    quality = f"SNR {decibels(step.snr_db)}, log-spectral distance {decibels(step.log_spectral_distance_db)}"
    heard = _sound(coded, step.samples, first.lower())
    return element("li", element("h3", first), element("p", cost), element("p", quality), heard)


def _sound(coded: CodedClip, samples: np.ndarray, what: str) -> Markup:
    return player(to_flac(samples, coded.rate_hz), what)


def decibels(value: float) -> str:
    """With its unit and a real minus."""
    return f"{value:.1f} dB".replace("-", "−") if math.isfinite(value) else ("∞" if value > 0 else "−∞") + " dB"


def _bits_in_words(coded: CodedClip) -> str:
    words = f"Spectrogram of the clip and below it bits per sample over time, {coded.bits_per_sample:.3f} on average"
    if not coded.blocks:
        return words + "."
    costs = [float(block.bits.mean()) if len(block.bits) else 0.0 for block in coded.blocks]
    dearest = max(range(len(costs)), key=costs.__getitem__)
    return (
        f"{words}; bits per latent of {len(costs)} blocks, the most in {coded.blocks[dearest].name} "
        f"with {costs[dearest]:.2f}."
    )


def _scales_in_words(coded: CodedClip) -> str:
    means = [f"{block.name} {float(block.log_scales.mean()):.1f}" for block in coded.blocks if len(block.log_scales)]
    return f"Log-scales of the priors over time and their range in each block, in nats. Means: {', '.join(means)}."


def _quality_in_words(steps: Sequence[Step]) -> str:
    points = [f"{step.bits_per_sample:.2f} bits/sample {decibels(step.snr_db)}" for step in steps[:-1]]
    return f"Signal to noise ratio and log-spectral distance over bits spent. SNR: {'; '.join(points)}."
