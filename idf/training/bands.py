"""−log2 p of the rows of a window flow of subbands: the adaptive flow's network, one for each band."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from idf.models.bands.model import BandModel, of_band
from idf.training.adaptive import adaptive_bits
from idf.training.likelihood import WindowBits


def band_bits(
    model: BandModel,
    parameters: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
    sharpness: tf.Tensor | float | None = None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """−log2 p of what stands for windows.

    Args:
        parameters: trained arrays by name, float32.
        rows: float32 (batch, N, inputs + 2 + experts), the bands one after the other along N
            (:func:`idf.training.rows.band_batches`).
        sharpness, coded: of other window flows; ignored.
    """
    bits, log_scales = [], []
    batch, width = rows.shape[0], rows.shape[2]
    for band, part in enumerate(tf.split(rows, model.lengths(model.window), 1)):
        found = adaptive_bits(model.network(band), of_band(parameters, band), tf.reshape(part, (-1, width)))
        bits.append(tf.reduce_sum(tf.reshape(found.bits, (batch, -1)), 1))
        log_scales.append(found.log_scales)
    total = tf.stack(bits)
    return WindowBits(
        bits=tf.reduce_sum(total, 0),
        block_bits=tf.reduce_mean(total, 1) / model.window,
        log_scales=tf.concat(log_scales, 0),
        names=model.names,
        samples=model.window,
    )
