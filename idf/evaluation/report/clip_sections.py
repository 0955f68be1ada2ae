"""The sections of a run's page about one clip: rate over time, latents, scales, and the sound of its first blocks."""

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
    """Return the section with the clip, its spectrogram and its rate."""
    coded = example.coded
    whole = "the whole clip"
    if coded.seconds < example.seconds:
        whole = f"the first {coded.seconds:g} of {example.seconds:.1f} seconds, in this section and those below"
    about = f"{coded.name}: {whole}. This is the typical clip: its bits per sample are the median over all clips."
    if coded.blocks:
        seen = "Each colour is a block of latents or a group of adjacent blocks; the first decoded is at the bottom."
    else:
        seen = "The model has no blocks of latents: it codes each sample given the samples before it."
    return join(
        [
            element("p", about),
            _sound(coded, coded.samples, "the original clip"),
            two_widths(functools.partial(draw_bits, coded), "bits", _bits_in_words(coded)),
            element("p", f"Loud and noisy sounds take the most bits, pauses the fewest. {seen}", class_="note"),
        ]
    )


def latents(example: ExampleClip) -> Markup:
    """Return the section with the clip's latents and the scales of their priors, block by block."""
    coded = example.coded
    names = ", ".join(block.name for block in coded.blocks)
    blocks = f"{len(coded.blocks)} blocks of latents in decoding order: {names}"
    return join(
        [
            two_widths(functools.partial(draw_latents, coded), "latents", f"Waveform and latents over time. {blocks}."),
            element(
                "p",
                "In front of each block's latents: the latents minus the median of their prior, which is conditioned on "
                "the blocks decoded before. The narrower this band, the fewer bits.",
                class_="note",
            ),
            two_widths(functools.partial(draw_scales, coded), "scales", _scales_in_words(coded)),
            element(
                "p",
                "The log-scale is the prior's uncertainty, in nats, for amplitudes in [−1, 1). One nat less saves "
                "1.44 bits per latent, provided the prediction is as accurate.",
                class_="note",
            ),
        ]
    )


def reconstruction(example: ExampleClip) -> Markup:
    """Return the section on the clip decoded from its first blocks: a curve, and players."""
    last = example.steps[-1]
    draw = functools.partial(draw_quality, example.steps)
    items = [_step(example.coded, step, last.blocks) for step in example.heard]
    end = element(
        "li",
        element("h3", f"All {last.blocks} blocks: the clip itself"),
        element("p", f"{last.bits_per_sample:.3f} bits/sample, every sample exact"),
        _sound(example.coded, example.coded.samples, f"the clip from all {last.blocks} blocks"),
    )
    return join(
        [
            element(
                "p",
                "A decoder receives the blocks one after another. Here it stops early: missing latents are set to the "
                "median of their prior given the known ones, and the inverse flow turns all latents into audio.",
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
    """Return a level with its unit and a typographic minus, such as ``"−3.1 dB"``."""
    return f"{value:.1f} dB".replace("-", "−") if math.isfinite(value) else ("∞" if value > 0 else "−∞") + " dB"


def _bits_in_words(coded: CodedClip) -> str:
    words = f"Spectrogram of the clip above its bits per sample over time, {coded.bits_per_sample:.3f} on average"
    if not coded.blocks:
        return words + "."
    costs = [float(block.bits.mean()) if len(block.bits) else 0.0 for block in coded.blocks]
    largest = max(range(len(costs)), key=costs.__getitem__)
    return (
        f"{words}; bits per latent of {len(costs)} blocks, most in {coded.blocks[largest].name} "
        f"with {costs[largest]:.2f}."
    )


def _scales_in_words(coded: CodedClip) -> str:
    means = [f"{block.name} {float(block.log_scales.mean()):.1f}" for block in coded.blocks if len(block.log_scales)]
    return f"Log-scales of the priors over time and their range in each block, in nats. Mean per block: {', '.join(means)}."


def _quality_in_words(steps: Sequence[Step]) -> str:
    points = [f"{decibels(step.snr_db)} at {step.bits_per_sample:.2f} bits/sample" for step in steps[:-1]]
    return f"Signal-to-noise ratio and log-spectral distance against bits per sample. SNR: {'; '.join(points)}."
