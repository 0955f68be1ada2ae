"""How good a clip is when only its first latent blocks are known: bits spent against what they give.

Everything here speaks to :class:`idf.coding.codec.BlockwiseCodec` and to nothing else of a model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from idf.coding.codec import BlockwiseCodec
from idf.container.approximation import block_bits

FRAME_SECONDS = 0.032
"""Of the spectra that are compared: the usual compromise for speech between pitch and syllables."""
ROUNDING_POWER = 1.0 / 12.0
"""Of the error that rounding to integers makes: what lies below it in a spectrum is not sound."""
NOTHING = "nothing"
"""Name of the step before the first block."""


@dataclass(frozen=True)
class Step:
    """A clip as far as its first blocks tell it.

    Attributes:
        blocks: how many are known, in the order of decoding.
        name: of the last one of them.
        bits_per_sample: what these blocks cost.
        share: of the bits of all blocks, 0 … 1.
        snr_db: :func:`snr_db` against the clip.
        log_spectral_distance_db: :func:`log_spectral_distance_db` to the clip.
        samples: int32, the shape of the clip.
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
    """A clip from its first k latent blocks, for several k.

    Args:
        samples: integers (time,) or (time, channels), 16-bit values.
        blocks: the numbers k, each 0 … ``len(codec.block_names)``; 1 … all of them if None.
        progress: told the number of steps that were done since it was last told.

    Raises:
        RunError: the model has latents but gives no approximations; says why.
        ValueError: a k out of range, or samples of another shape.
    """
    clip = np.asarray(samples, np.int32)
    if clip.ndim not in (1, 2):
        raise ValueError(f"samples are {clip.shape}; they must be (time,) or (time, channels)")
    names = (NOTHING, *codec.block_names)
    wanted = range(1, len(names)) if blocks is None else blocks
    if wrong := [k for k in wanted if not 0 <= k < len(names)]:
        raise ValueError(f"there are {len(names) - 1} blocks, so {wrong[0]} of them cannot be taken")
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
    """Signal to noise ratio over the whole clip, 10 log₁₀ (Σ x² / Σ (x − y)²), in dB.

    Infinite where both are the same; −infinite where silence became something.

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
    """Log-spectral distance in dB: how far the spectra are apart, whatever the phases.

    The root mean square over frequency of the difference of the power spectra in dB, averaged over frames
    (Gray and Markel 1976, *Distance measures for speech processing*, IEEE Trans. ASSP 24(5): d₂ of the log
    spectra). Frames are Hann windows of 32 ms, half of which overlaps; powers have the floor that the error
    of rounding to integers has, so that digital silence is like silence with dither.

    Args:
        reference, other: integers of the same shape, (time,) or (time, channels).

    Returns:
        0 for the same signal; also for an empty one.
    """
    one, two = (log_spectra(x, rate_hz) for x in (reference, other))
    return float(np.mean(np.sqrt(np.mean((one - two) ** 2, axis=-1)))) if one.size else 0.0


def log_spectra(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Power spectra of 32 ms each in dB (of steps², window included), half of which overlaps.

    A last frame is filled up with zeros; powers have the floor of :func:`log_spectral_distance_db`.

    Args:
        samples: integers (time,) or (time, channels).

    Returns:
        float64 (channels, frames, frequencies); (0, 0, 0) of no samples.
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
