"""Squeeze: a window of N samples as N / G frames of G channels (Dinh et al. 2017, §3.6; in time, as WaveGlow)."""

from __future__ import annotations

from idf.arithmetic import Arithmetic, Array


def squeeze(a: Arithmetic, x: Array, channels: int) -> Array:
    """(batch, samples) to (batch, samples / channels, channels); neighbouring samples become channels of a frame."""
    batch, samples = a.shape(x)
    return a.reshape(x, (batch, samples // channels, channels))


def unsqueeze(a: Arithmetic, h: Array) -> Array:
    """(batch, time, channels) to (batch, time · channels); undoes :func:`squeeze`."""
    batch, time, channels = a.shape(h)
    return a.reshape(h, (batch, time * channels))
