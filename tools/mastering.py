"""Turn music in floating point into 16-bit recordings as people have them: noise of a room, loud masters, dither.

Signals are float64 of shape (frames, channels), full scale at ±1. Used by ``render_clips.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Signal = NDArray[np.float64]

FULL_SCALE = 32767
NOISE_BAND_HZ = (30.0, 16_000.0)
LOOKAHEAD_SECONDS = 0.002


def gain(decibels: float) -> float:
    """The factor of a level in decibels."""
    return float(10.0 ** (decibels / 20.0))


def set_peak(signal: Signal, decibels: float) -> Signal:
    """Scale so that the largest magnitude is ``decibels`` relative to full scale. Silence stays as it is."""
    peak = float(np.abs(signal).max(initial=0.0))
    return signal * (gain(decibels) / peak) if peak else signal


def set_width(signal: Signal, width: float) -> Signal:
    """Multiply the difference of two channels by ``width``: 1 changes nothing, 0 makes them equal."""
    middle = signal.mean(axis=1, keepdims=True)
    return middle + width * (signal - middle)


def add_room(signal: Signal, decibels: float, rate_hz: int, rng: np.random.Generator) -> Signal:
    """Add pink noise between 30 Hz and 16 kHz, half of its power common to all channels.

    Args:
        decibels: its power in each channel, relative to a square wave at full scale.
    """
    frames, channels = signal.shape
    white = rng.standard_normal((frames, channels + 1))
    frequencies = np.fft.rfftfreq(frames, 1 / rate_hz)
    low, high = NOISE_BAND_HZ
    shape = np.where((frequencies >= low) & (frequencies <= high), 1 / np.sqrt(np.maximum(frequencies, low)), 0.0)
    pink = np.fft.irfft(np.fft.rfft(white, axis=0) * shape[:, None], n=frames, axis=0)
    noise = pink[:, :channels] + pink[:, channels:]
    return signal + noise * (gain(decibels) / np.sqrt(np.square(noise).mean()))


def limit(signal: Signal, ceiling: float, rate_hz: int) -> Signal:
    """Turn down what exceeds ``ceiling``, all channels alike, smoothly and beginning 2 ms before."""
    reach = max(1, round(LOOKAHEAD_SECONDS * rate_hz))
    peaks = np.abs(signal).max(axis=1)
    wanted = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    # The smallest gain within reach, then an average over the same reach, never exceeds the gain that is wanted.
    lowest = sliding_window_view(np.pad(wanted, 2 * reach, mode="edge"), 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    return signal * np.convolve(lowest, window / window.sum(), mode="valid")[:, None]


def quantise(signal: Signal, ceiling: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Round to 16 bits with triangular dither of two steps, and clip at ``ceiling`` (1 to 32767) on both sides."""
    dither = rng.random(signal.shape) - rng.random(signal.shape)
    return np.clip(np.rint(signal * FULL_SCALE + dither), -ceiling, ceiling).astype(np.int16)
