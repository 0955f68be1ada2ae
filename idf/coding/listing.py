"""Choosing the alphabet of a channel, and coding alphabets as part of a message.

>>> message = Message()
>>> push_alphabets(message, [Alphabet(np.array([-7, 0, 5], np.int32)), full()])
>>> [len(alphabet.values) for alphabet in pop_alphabets(message, 2)]
[3, 65536]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idf.coding import flags
from idf.coding.alphabet import Alphabet, full
from idf.coding.kernels import HALF, RING
from idf.coding.message import Message
from idf.coding.mixture import PRECISION
from idf.errors import FormatError

_WORD_BITS = 16
_LEAST = 48
"""Fewest bits of a list of values. It needs more if gaps save less than a bit per value, as between rare values."""
_BY_END = 2
"""Fewest bits saved per sample clipped to an outermost value, if many are."""
_NOTHING = np.empty(0, np.int64)


def choose(channel: np.ndarray) -> Alphabet:
    """Return the alphabet that takes the fewest bits for a channel, its own description included.

    The choices are all values, the values between the lowest and the highest that occur, and the values that occur. An
    interval that is w times as wide saves log2(w) bits each time (accurate to four digits on speech). The savings of
    the outermost, unbounded intervals depend on how well clipped samples are predicted.

    Args:
        channel: int32 (n,), -32768 … 32767.
    """
    counts = np.bincount(channel + HALF, minlength=RING)
    found = np.flatnonzero(counts)
    if len(found) < 2 or len(found) == RING:
        return full()
    gaps = np.diff(found)
    wide = (np.append(gaps[0], gaps) + np.append(gaps, gaps[-1])) / 2
    by_gaps = float((counts[found] * np.log2(wide)).sum())  # np.dot would leave BLAS threads spinning
    by_ends = float(_BY_END * (counts[found[0]] + counts[found[-1]]))
    choices = [(0.0, full())]
    everything, least = np.arange(found[0], found[-1] + 1), max(_LEAST, len(found))
    for saved, used, enough in ((by_ends, everything, _LEAST), (by_ends + by_gaps, found, least)):
        if saved > enough:
            alphabet = Alphabet((used - HALF).astype(np.int32))
            choices.append((told_bits(alphabet) - saved, alphabet))
    return min(choices, key=lambda choice: choice[0])[1]


def push_alphabets(message: Message, alphabets: Sequence[Alphabet]) -> None:
    """Push the alphabets of all channels onto a message, the last one first."""
    for alphabet in reversed(alphabets):
        for starts, freqs in reversed(_description(alphabet)):
            message.push_intervals(starts, freqs)


def pop_alphabets(message: Message, channels: int) -> list[Alphabet]:
    """Pop the alphabets of all channels off a message.

    Raises:
        FormatError: the message has no more words, or is invalid.
    """
    return [_pop(message) for _ in range(channels)]


def told_bits(alphabet: Alphabet) -> float:
    """Return the bits that an alphabet takes in a message."""
    return sum(float(PRECISION * len(freqs) - np.log2(freqs).sum()) for _, freqs in _description(alphabet))


def _description(alphabet: Alphabet) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return starts and widths of an alphabet's description, in decoding order: whether it is full, ends, flags."""
    listed = not alphabet.is_full
    parts = [_uniform([int(listed)], 1)]
    if listed:
        lowest, highest = int(alphabet.values[0]), int(alphabet.values[-1])
        parts.append(_uniform([lowest + HALF, highest + HALF], _WORD_BITS))
        used = np.zeros(highest - lowest + 1, np.uint8)
        used[alphabet.values - lowest] = 1
        starts, freqs = (np.empty(len(used) - 2, np.int64) for _ in range(2))
        flags.code(used, lowest, False, PRECISION, starts, freqs, np.zeros(1, np.int64), np.empty(0, np.uint32), 0)
        parts.append((starts, freqs))
    return parts


def _uniform(numbers: list[int], bits: int) -> tuple[np.ndarray, np.ndarray]:
    width = 1 << (PRECISION - bits)
    return np.array(numbers, np.int64) * width, np.full(len(numbers), width, np.int64)


def _pop(message: Message) -> Alphabet:
    if not message.pop_uniform(1):
        return full()
    lowest, highest = message.pop_uniform(_WORD_BITS) - HALF, message.pop_uniform(_WORD_BITS) - HALF
    if highest <= lowest:
        raise FormatError("an alphabet ends before it begins: the message is damaged or belongs to another model")
    used = np.zeros(highest - lowest + 1, np.uint8)
    used[0] = used[-1] = 1
    message.pop_with(
        lambda heads, words, left: flags.code(used, lowest, True, PRECISION, _NOTHING, _NOTHING, heads, words, left)
    )
    return Alphabet((np.flatnonzero(used) + lowest).astype(np.int32))
