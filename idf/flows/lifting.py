"""Integer lifting: a split of a signal into its lower and its upper half-band, each at half the rate.

::

    x ── even samples e ───────(+)── low         low  = wrap16(e + round(U · high))
    │                 │         │
    │                 P         U
    │                 │         │
    └─── odd samples o(−)───────┴─── high        high = wrap16(o − round(P · e))

Both steps are additive couplings whose net is a fixed linear filter, so the whole is an integer flow
(I. Daubechies, W. Sweldens, *Factoring wavelet transforms into lifting steps*, 1998; Hoogeboom et al. 2019,
eq. 5). P interpolates the odd samples from the even ones with a half-band filter, and U is P / 2 reversed. Then low
is the signal without its upper half-band, and high is the remainder. Nothing is trained and nothing is lost: taps and
sums are integers, and samples stay on the 16-bit ring.

Beyond its ends, a signal is mirrored at its first and last sample.
"""

from __future__ import annotations

import numpy as np

from idf.config.schema import MAX_HALF_TAPS

TAP_BITS = 14
"""Taps are integers in units of 2^-14."""
_BETA = 5.0
"""Parameter of the Kaiser window, which gives a stop-band attenuation of about 53 dB."""


def split(x: np.ndarray, taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper half-band of signals.

    Args:
        x: int32 (batch, n) in [-32768, 32767], n ≥ 1.
        taps: int (M,), half of P's 2 M taps (:func:`half_band`).

    Returns:
        int32 (batch, ⌈n / 2⌉) and (batch, ⌊n / 2⌋) in the same range. :func:`merge` undoes the split.
    """
    even, odd = x[:, 0::2].astype(np.int64), x[:, 1::2].astype(np.int64)
    high = wrap16(odd - _predicted(even, x.shape[1], taps))
    low = wrap16(even + _update(high, x.shape[1], taps))
    return low.astype(np.int32), high.astype(np.int32)


def merge(low: np.ndarray, high: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Undo :func:`split`: int32 (batch, n)."""
    length = low.shape[1] + high.shape[1]
    x = np.empty((len(low), length), np.int32)
    high = high.astype(np.int64)
    even = wrap16(low.astype(np.int64) - _update(high, length, taps))
    x[:, 0::2] = even
    x[:, 1::2] = wrap16(high + _predicted(even, length, taps))
    return x


def _predicted(even: np.ndarray, length: int, taps: np.ndarray) -> np.ndarray:
    """Return predictions of the odd samples from the even ones on both sides."""
    places = 2 * np.arange(1 - len(taps), length // 2 + len(taps))
    return _filtered(even, _mirrored(places, length) // 2, length // 2, taps, TAP_BITS)


def _update(high: np.ndarray, length: int, taps: np.ndarray) -> np.ndarray:
    """Return what is added to the even samples, from the upper half-band on both sides."""
    count = (length + 1) // 2
    if not high.shape[1]:
        return np.zeros((len(high), count), np.int64)
    places = 2 * np.arange(-len(taps), count + len(taps) - 1) + 1
    return _filtered(high, _mirrored(places, length) // 2, count, taps, TAP_BITS + 1)


def _filtered(x: np.ndarray, places: np.ndarray, count: int, taps: np.ndarray, bits: int) -> np.ndarray:
    """Return ``x[:, places]`` filtered with taps in units of 2^-bits, rounded half up: int64 (batch, count)."""
    extended = x[:, places]
    total = np.full((len(x), count), 1 << (bits - 1), np.int64)
    # the filter is symmetric, so each tap applies to two places
    for tap, weight in enumerate(taps):
        far = 2 * len(taps) - 1 - tap
        total += int(weight) * (extended[:, tap : tap + count] + extended[:, far : far + count])
    return total >> bits


def _mirrored(places: np.ndarray, length: int) -> np.ndarray:
    """Return places folded into a signal that is mirrored at its ends; even places stay even, odd ones odd."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = places % period
    return np.minimum(folded, period - folded)


def wrap16(x: np.ndarray) -> np.ndarray:
    """Return integers wrapped to 16 bits, in [-32768, 32767]."""
    wrapped: np.ndarray = ((x + 32768) & 65535) - 32768
    return wrapped


def half_band(half_taps: int) -> np.ndarray:
    """Return the first M taps of the interpolator P, outermost first: int32 (M,), in units of 2^-14, with sum ½.

    They are a half-band sinc under a Kaiser window (J. F. Kaiser, *Nonrecursive digital filter design using the
    I0-sinh window function*, 1974). They are computed once and stored with the model, so decoders filter with
    integers.

    Raises:
        ValueError: ``half_taps`` is not in 1 … 32.
    """
    if not 1 <= half_taps <= MAX_HALF_TAPS:
        raise ValueError(f"half_taps={half_taps}: must be from 1 to {MAX_HALF_TAPS}")
    offsets = np.arange(half_taps) - half_taps + 0.5
    shape = np.sinc(offsets) * np.i0(_BETA * np.sqrt(1 - (offsets / half_taps) ** 2))
    weights = np.rint(shape / shape.sum() * 2 ** (TAP_BITS - 1)).astype(np.int32)
    weights[-1] += 2 ** (TAP_BITS - 1) - weights.sum()
    return weights
