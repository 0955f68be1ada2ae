"""Quality of a clip decoded from its first latent blocks only, against the bits of these blocks.

This module uses models through :class:`idf.coding.codec.BlockwiseCodec` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from idf.coding.codec import BlockwiseCodec
from idf.container.approximation import block_bits

FRAME_SECONDS = 0.032
"""Frame length of the compared spectra: a usual choice for speech, between pitch period and syllable."""
ROUNDING_POWER = 1.0 / 12.0
"""Variance of the error of rounding to integers: the noise floor of the spectra."""
NOTHING = "nothing"
"""Name of the step before the first block."""


@dataclass(frozen=True)
class Step:
    """A clip decoded from its first blocks.

    Attributes:
        blocks: number of known blocks, in decoding order.
        name: of the last known block.
        bits_per_sample: bits of the known blocks per sample of the clip.
        share: their share of the bits of all blocks, from 0 to 1.
        snr_db: :func:`snr_db` against the clip.
        log_spectral_distance_db: :func:`log_spectral_distance_db` from the clip.
        samples: the decoded samples, int32, shaped as the clip.
    """

    blocks: int
    name: str
    bits_per_sample: float
    share: float
    snr_db: float
    log_spectral_distance_db: float
    samples: np.ndarray


def progressive_steps(
    codec: BlockwiseCodec,
    samples: np.ndarray,
    rate_hz: int,
    blocks: Sequence[int] | None = None,
    *,
    progress: Callable[[int], object] = lambda steps: None,
) -> list[Step]:
    """Decode a clip from its first k latent blocks, for several k.

    Args:
        codec: of a model with latent blocks.
        samples: integers (time,) or (time, channels), 16-bit values.
        rate_hz: samples per second.
        blocks: the numbers k, each from 0 to ``len(codec.block_names)``; None for 1 to all.
        progress: called with the number of steps completed since the last call.

    Raises:
        RunError: the model has latents but gives no approximations; the message says why.
        ValueError: a k is out of range, or ``samples`` has another shape.
    """
    clip = np.asarray(samples, np.int32)
    if clip.ndim not in (1, 2):
        raise ValueError(f"samples have the shape {clip.shape}; it must be (time,) or (time, channels)")
    names = (NOTHING, *codec.block_names)
    wanted = range(1, len(names)) if blocks is None else blocks
    if wrong := [k for k in wanted if not 0 <= k < len(names)]:
        raise ValueError(f"{wrong[0]} blocks requested; the model has {len(names) - 1}, so give 0 to {len(names) - 1}")
    channels = clip if clip.ndim == 2 else clip[:, None]
    spent = np.concatenate([[0.0], np.cumsum(block_bits(codec, channels))])
    steps = []
    for k in wanted:
        heard = codec.approximate(channels, k).reshape(clip.shape)
        steps.append(
            Step(
                blocks=k,
                name=names[k],
                bits_per_sample=float(spent[k]) / max(clip.size, 1),
                share=float(spent[k] / spent[-1]) if spent[-1] else 1.0,
                snr_db=snr_db(clip, heard),
                log_spectral_distance_db=log_spectral_distance_db(clip, heard, rate_hz),
                samples=heard,
            )
        )
        progress(1)
    return steps


def snr_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Return the signal-to-noise ratio over the whole clip, 10 log₁₀ (Σ x² / Σ (x − y)²), in dB.

    ∞ if both signals are equal; −∞ if ``reference`` is silent and ``other`` is not.

    Args:
        reference, other: integers of the same shape.
    """
    wide = reference.astype(np.float64)
    signal = float(np.sum(wide**2))
    noise = float(np.sum((wide - other) ** 2))
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def log_spectral_distance_db(reference: np.ndarray, other: np.ndarray, rate_hz: int) -> float:
    """Return the log-spectral distance in dB, a measure that ignores phase.

    It is the root mean square over frequency of the difference between the power spectra in dB, averaged over
    frames (Gray and Markel 1976, *Distance measures for speech processing*, IEEE Trans. ASSP 24(5): d₂ of the log
    spectra). Frames are Hann windows of 32 ms with 50 % overlap. Powers are floored at the power of the rounding
    error, so digital silence compares like dithered silence.

    Args:
        reference, other: integers of the same shape, (time,) or (time, channels).

    Returns:
        0 for equal or empty signals.
    """
    one, two = (log_spectra(x, rate_hz) for x in (reference, other))
    return float(np.mean(np.sqrt(np.mean((one - two) ** 2, axis=-1)))) if one.size else 0.0


def log_spectra(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return the power spectra of frames of 32 ms with 50 % overlap, in dB re 1 step², window included.

    The last frame is zero-padded; powers are floored as in :func:`log_spectral_distance_db`.

    Args:
        samples: integers (time,) or (time, channels).
        rate_hz: samples per second.

    Returns:
        float64 (channels, frames, frequencies); shape (0, 0, 0) for no samples.
    """
    if not samples.size:
        return np.zeros((0, 0, 0))
    length = max(16, round(FRAME_SECONDS * rate_hz))
    window, hop = np.hanning(length + 2)[1:-1], length // 2
    wide = samples.reshape(len(samples), -1).T.astype(np.float64)
    frames = 1 + max(0, -(-(wide.shape[1] - length) // hop))
    padded = np.pad(wide, ((0, 0), (0, (frames - 1) * hop + length - wide.shape[1])))
    cut = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, ::hop]
    power = np.abs(np.fft.rfft(cut * window, axis=-1)) ** 2
    levels: np.ndarray = 10 * np.log10(np.maximum(power, ROUNDING_POWER * np.sum(window**2)))
    return levels
