"""Turn floating-point music into realistic 16-bit recordings: room noise, loud mastering, dither.

Signals are float64 (frames, channels) with full scale at ±1. Used by ``render_clips.py``.
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
    """Return the amplitude factor of a gain in decibels."""
    return float(10.0 ** (decibels / 20.0))


def set_peak(signal: Signal, decibels: float) -> Signal:
    """Scale the signal to a peak of ``decibels`` relative to full scale. Silence is unchanged."""
    peak = float(np.abs(signal).max(initial=0.0))
    return signal * (gain(decibels) / peak) if peak else signal


def set_width(signal: Signal, width: float) -> Signal:
    """Multiply the difference of two channels by ``width``: 1 changes nothing, 0 makes them equal."""
    middle = signal.mean(axis=1, keepdims=True)
    return middle + width * (signal - middle)


def add_room(signal: Signal, decibels: float, rate_hz: int, rng: np.random.Generator) -> Signal:
    """Add pink noise between 30 Hz and 16 kHz, half of its power common to all channels.

    Args:
        signal: float64 (frames, channels).
        decibels: power of the noise in each channel, relative to a full-scale square wave.
        rate_hz: samples per second.
        rng: random generator.
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
    """Reduce the gain of all channels smoothly, with 2 ms of look-ahead, where the signal exceeds ``ceiling``."""
    reach = max(1, round(LOOKAHEAD_SECONDS * rate_hz))
    peaks = np.abs(signal).max(axis=1)
    wanted = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    # The minimum of the gain within reach, averaged over the same reach, never exceeds the required gain.
    lowest = sliding_window_view(np.pad(wanted, 2 * reach, mode="edge"), 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    return signal * np.convolve(lowest, window / window.sum(), mode="valid")[:, None]


def quantise(signal: Signal, ceiling: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Round to 16 bits with triangular dither, two steps wide, and clip at ±``ceiling`` (1 to 32767)."""
    dither = rng.random(signal.shape) - rng.random(signal.shape)
    return np.clip(np.rint(signal * FULL_SCALE + dither), -ceiling, ceiling).astype(np.int16)
