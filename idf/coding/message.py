"""rANS: a message is a stack of symbols, and ``pop`` exactly inverts ``push``.

Sources: asymmetric numeral systems (Duda, https://arxiv.org/abs/1311.2540), in the range variant with words (Giesen,
https://arxiv.org/abs/1402.3392). The state is one or more 64-bit heads in [2^31, 2^63) over a stack of 32-bit words, in
the layout of craystack, so messages can be exchanged with it.

Order: ``push`` processes its symbols from last to first, so that ``pop`` returns them in their natural order. The last
call's symbols are popped first:

    >>> import numpy as np
    >>> row = np.zeros((3, 1), np.int32)
    >>> mixture = IntegerMixture(logits=row, means=row, scales=row + 100)
    >>> message = Message()
    >>> message.push(np.array([5, -7, 0], np.int32), mixture)
    >>> data = message.to_bytes()
    >>> Message.from_bytes(data).pop(mixture)
    array([ 5, -7,  0], dtype=int32)

Lanes: symbol i of a call goes to head i mod lanes. If the number of symbols is not a multiple of the lanes, the last
group skips the last heads. Each lane costs 64 bits per message and gains nothing here; lanes are for craystack, which is
fast only with many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from idf.coding import kernels
from idf.coding.mixture import PRECISION, IntegerMixture, checked_precision, intervals, kernel_arguments
from idf.errors import FormatError

_WORD = np.dtype("<u4")
_EXHAUSTED = "the message ends before its last symbol: it is damaged or belongs to another model"


class MessageLike(Protocol):
    """A stack of symbols. All coders make the same bytes from the same calls."""

    def push(self, symbols: np.ndarray, mixture: IntegerMixture) -> None: ...

    def pop(self, mixture: IntegerMixture) -> np.ndarray: ...

    def to_bytes(self) -> bytes: ...

    def finish(self) -> None: ...


class Message:
    """A rANS message, with compiled loops.

    Args:
        lanes: number of heads, at least 1.
        precision: bits of frequency resolution, 24 ... 28; encoder and decoder must agree.

    Attributes:
        bits: size of the message: 64 bits per lane and 32 per word.
    """

    def __init__(self, lanes: int = 1, *, precision: int = PRECISION) -> None:
        if lanes < 1:
            raise ValueError(f"lanes is {lanes}; a message needs at least one")
        self.precision = checked_precision(precision)
        self._heads = np.full(lanes, kernels.HEAD_MIN, np.int64)
        self._words = np.empty(0, np.uint32)  # bottom of the stack first; valid up to _count
        self._count = 0

    @property
    def lanes(self) -> int:
        """Number of heads."""
        return len(self._heads)

    @property
    def bits(self) -> int:
        """Size of :meth:`to_bytes` in bits."""
        return 64 * self.lanes + 32 * self._count

    def push(self, symbols: np.ndarray, mixture: IntegerMixture) -> None:
        """Push symbols, last first.

        Args:
            symbols: int32 (n,), -32768 ... 32767.
            mixture: their n mixtures.

        Raises:
            ValueError: a symbol exceeds 16 bits, or the numbers of symbols and mixtures differ.
        """
        self.push_intervals(*intervals(symbols, mixture, self.precision))

    def pop(self, mixture: IntegerMixture) -> np.ndarray:
        """Pop ``len(mixture)`` symbols, in the order in which they were passed to :meth:`push`.

        Returns:
            int32 (n,).

        Raises:
            FormatError: the message has no more words. It is then unchanged.
        """
        symbols = np.empty(len(mixture), np.int32)
        heads = self._heads.copy()
        arguments = kernel_arguments(mixture, self.precision)
        count = int(kernels.pop(symbols, *arguments, heads, self._words, self._count))
        if count < 0:
            raise FormatError(_EXHAUSTED)
        self._heads, self._count = heads, count
        return symbols

    def push_intervals(self, starts: np.ndarray, freqs: np.ndarray) -> None:
        """Push symbols, last first, given their intervals in [0, 2^precision), int64 (n,) each."""
        self._reserve(len(starts))
        self._count = int(kernels.push(starts, freqs, self.precision, self._heads, self._words, self._count))

    def pop_uniform(self, bits: int) -> int:
        """Pop a uniformly distributed number of ``bits`` bits, pushed with :meth:`push_intervals`.

        Raises:
            FormatError: the message has no more words. It is then unchanged.
        """
        shift, found = self.precision - bits, 0

        def loop(heads: np.ndarray, words: np.ndarray, left: int) -> int:
            nonlocal found
            head = int(heads[0])
            found = (head & ((1 << self.precision) - 1)) >> shift
            head = (head >> self.precision << shift) + (head & ((1 << shift) - 1))
            if head < kernels.HEAD_MIN:
                if left == 0:
                    return -1
                left -= 1
                head = head << 32 | int(words[left])
            heads[0] = head
            return left

        self.pop_with(loop)
        return found

    def pop_with(self, loop: Callable[[np.ndarray, np.ndarray, int], int]) -> None:
        """Let a compiled loop pop symbols. It updates the heads and returns the number of words left, or -1.

        Raises:
            FormatError: the loop ran out of words. The message is then unchanged.
        """
        heads = self._heads.copy()
        count = int(loop(heads, self._words, self._count))
        if count < 0:
            raise FormatError(_EXHAUSTED)
        self._heads, self._count = heads, count

    @staticmethod
    def pop_together(
        messages: Sequence[Message], loop: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], object]
    ) -> list[FormatError | None]:
        """Let a compiled loop pop symbols of several messages of one lane each.

        Args:
            messages: the messages.
            loop: called with the heads, int64 (messages,), the words of all messages, uint32, and for each message the
                place of its first word and the number of its words, int64 (messages,). It updates the heads and the
                numbers of words, which are negative if it ran out of words.

        Returns:
            An error for each message that ran out of words, which is then unchanged, and None for the others.
        """
        heads = np.concatenate([message._heads for message in messages])
        counts = np.array([message._count for message in messages], np.int64)
        words = np.concatenate([message._words[: message._count] for message in messages])
        loop(heads, words, np.cumsum(counts) - counts, counts)
        errors: list[FormatError | None] = []
        for message, head, count in zip(messages, heads, counts, strict=True):
            if count >= 0:
                message._heads[0], message._count = head, int(count)
            errors.append(None if count >= 0 else FormatError(_EXHAUSTED))
        return errors

    def finish(self) -> None:
        """Check that everything pushed was popped, which shows that the right distributions were used.

        Raises:
            FormatError: something is left.
        """
        if self._count or np.any(self._heads != kernels.HEAD_MIN):
            raise FormatError("the message continues after its last symbol: it is damaged or belongs to another model")

    def to_bytes(self) -> bytes:
        """Return the message as little-endian 32-bit words.

        The order is that of craystack's ``flatten``: the upper halves of all heads, their lower halves, then the stack
        from its top.
        """
        heads = self._heads
        stack = self._words[: self._count][::-1]
        return np.concatenate([heads >> 32, heads & 0xFFFFFFFF, stack]).astype(_WORD).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, lanes: int = 1, *, precision: int = PRECISION) -> Message:
        """Read what :meth:`to_bytes` wrote with the same number of lanes.

        Raises:
            FormatError: the length is impossible, or a head is outside [2^31, 2^63).
        """
        message = cls(lanes, precision=precision)
        words = words_of(data, lanes)
        message._heads = heads_of(words, lanes)
        message._words = words[2 * lanes :][::-1].copy()
        message._count = len(message._words)
        return message

    def _reserve(self, symbols: int) -> None:
        """Make room for one more word per symbol, at least doubling, so that many small pushes take linear time."""
        need = self._count + symbols
        if need > len(self._words):
            words = np.empty(max(need, 2 * len(self._words)), np.uint32)
            words[: self._count] = self._words[: self._count]
            self._words = words


def words_of(data: bytes, lanes: int) -> np.ndarray:
    """Return a message's bytes as uint32 words (native order).

    Raises:
        FormatError: not a whole number of words, or too few for the heads.
    """
    if len(data) % _WORD.itemsize or len(data) < 8 * lanes:
        raise FormatError(f"a message of {lanes} lane(s) cannot have {len(data)} bytes: it is truncated or damaged")
    return np.frombuffer(data, _WORD).astype(np.uint32)


def heads_of(words: np.ndarray, lanes: int) -> np.ndarray:
    """Return the heads at the start of a message, int64 (lanes,).

    Raises:
        FormatError: one is outside [2^31, 2^63), which is impossible after a push.
    """
    heads = words[:lanes].astype(np.int64) << 32 | words[lanes : 2 * lanes].astype(np.int64)
    if np.any(heads < kernels.HEAD_MIN):
        raise FormatError("a message begins with an impossible state: it is damaged")
    return heads
