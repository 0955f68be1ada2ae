"""Messages by craystack (https://github.com/j-towns/craystack), with the same bytes as our rANS.

For users of craystack, and as an independent check of our rANS. The intervals come from :mod:`idf.coding.mixture`;
craystack updates the heads and words. It makes NumPy calls for every group of lanes, so it is about a hundred times
slower than :class:`idf.coding.message.Message`.

Importing this module requires craystack; :func:`idf.coding.coders.new_message` does so on demand.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from idf.coding.message import heads_of, words_of
from idf.coding.mixture import PRECISION, IntegerMixture, checked_precision, intervals, locate
from idf.config.checks import NO_CRAYSTACK
from idf.errors import ConfigError, FormatError


def _load_rans() -> ModuleType:
    """Load craystack's rANS module alone.

    ``import craystack`` fails if craystack was installed by pip from its repository, because the package then lacks its
    ``codecs`` folder. Its ``rans`` module needs only NumPy.

    Raises:
        ConfigError: craystack is not installed.
    """
    package = importlib.util.find_spec("craystack")
    if package is None or not package.submodule_search_locations:
        raise ConfigError([NO_CRAYSTACK])
    place = Path(package.submodule_search_locations[0]) / "rans.py"
    spec = importlib.util.spec_from_file_location("craystack.rans", place)
    if spec is None or spec.loader is None or not place.is_file():
        raise ConfigError([f"craystack has no {place}; reinstall it, or use coder=rans, which writes the same bytes"])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rans = _load_rans()


class CraystackMessage:
    """The interface of :class:`idf.coding.message.Message`, on craystack's state ``(head, tail)``."""

    def __init__(self, lanes: int = 1, *, precision: int = PRECISION) -> None:
        if lanes < 1:
            raise ValueError(f"lanes is {lanes}; a message needs at least one")
        self.lanes = lanes
        self.precision = checked_precision(precision)
        self._state: tuple[np.ndarray, Any] = rans.base_message((lanes,))

    def push(self, symbols: np.ndarray, mixture: IntegerMixture) -> None:
        """See :meth:`idf.coding.message.Message.push`."""
        starts, freqs = (array.astype(np.uint64) for array in intervals(symbols, mixture, self.precision))
        for group in reversed(self._groups(len(mixture))):
            head, tail = self._state
            used = group.stop - group.start
            pushed, tail = rans.push((head[:used], tail), starts[group], freqs[group], self.precision)
            self._state = np.concatenate([pushed, head[used:]]), tail

    def pop(self, mixture: IntegerMixture) -> np.ndarray:
        """See :meth:`idf.coding.message.Message.pop`."""
        symbols = np.empty(len(mixture), np.int32)
        state = self._state
        with warnings.catch_warnings():
            # craystack warns and continues with random words, but a decoder must stop
            warnings.filterwarnings("error", message="Popping from empty message")
            try:
                for group in self._groups(len(mixture)):
                    state, symbols[group] = self._pop_group(state, _rows(mixture, group))
            except UserWarning as error:
                raise FormatError(
                    "the message ends before its last symbol: it is damaged or belongs to another model"
                ) from error
        self._state = state
        return symbols

    def finish(self) -> None:
        """See :meth:`idf.coding.message.Message.finish`."""
        if self.to_bytes() != CraystackMessage(self.lanes).to_bytes():
            raise FormatError("the message continues after its last symbol: it is damaged or belongs to another model")

    def to_bytes(self) -> bytes:
        """See :meth:`idf.coding.message.Message.to_bytes`."""
        flat: np.ndarray = rans.flatten(self._state)
        return flat.astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, lanes: int = 1, *, precision: int = PRECISION) -> CraystackMessage:
        """See :meth:`idf.coding.message.Message.from_bytes`."""
        message = cls(lanes, precision=precision)
        words = words_of(data, lanes)
        heads_of(words, lanes)
        message._state = rans.unflatten(words, (lanes,))
        return message

    def _groups(self, symbols: int) -> list[slice]:
        return [slice(first, min(first + self.lanes, symbols)) for first in range(0, symbols, self.lanes)]

    def _pop_group(
        self, state: tuple[np.ndarray, Any], mixture: IntegerMixture
    ) -> tuple[tuple[np.ndarray, Any], np.ndarray]:
        head, tail = state
        used = len(mixture)
        targets, pop = rans.pop((head[:used], tail), self.precision)
        found = locate(targets.astype(np.int64), mixture, self.precision)
        popped, tail = pop(found.starts.astype(np.uint64), found.freqs.astype(np.uint64))
        return (np.concatenate([popped, head[used:]]), tail), found.symbols


def _rows(mixture: IntegerMixture, rows: slice) -> IntegerMixture:
    return IntegerMixture(mixture.logits[rows], mixture.means[rows], mixture.scales[rows])
