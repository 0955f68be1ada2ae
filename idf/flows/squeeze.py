"""Squeeze: a window of N samples as N / G frames of G channels (Dinh et al. 2017, §3.6; over time as in WaveGlow)."""

from __future__ import annotations

from idf.arithmetic import Arithmetic, Array


def squeeze(a: Arithmetic, x: Array, channels: int) -> Array:
    """Return (batch, samples) as (batch, samples / channels, channels); neighbouring samples form a frame."""
    batch, samples = a.shape(x)
    return a.reshape(x, (batch, samples // channels, channels))


def unsqueeze(a: Arithmetic, h: Array) -> Array:
    """Undo :func:`squeeze`: return (batch, time, channels) as (batch, time · channels)."""
    batch, time, channels = a.shape(h)
    return a.reshape(h, (batch, time * channels))
