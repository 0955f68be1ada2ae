"""Flattening Python arguments to a row of 64-bit numbers, the only argument of the machine code.

An array becomes its address and shape, a named tuple its fields in order, a number itself.
:mod:`idf.compiled.build` reads the row in the same order.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

Signature = tuple[Any, ...]
"""The kinds of all arguments: dtype, number of axes and writability of arrays, types of everything else, and ``None`` at
the end of a tuple."""


def flatten(arguments: tuple[Any, ...]) -> tuple[Signature, list[int]]:
    """Return the signature of arguments, and the numbers that represent them.

    Raises:
        TypeError: an argument has a type that loops do not accept.
        ValueError: an array is not contiguous and aligned.
    """
    kinds: list[Any] = []
    values: list[int] = []
    _add(arguments, kinds, values)
    return tuple(kinds), values


def _add(arguments: tuple[Any, ...], kinds: list[Any], values: list[int]) -> None:
    for argument in arguments:
        kind = type(argument)
        if kind is np.ndarray:
            flags = argument.flags
            if not (flags.c_contiguous and flags.aligned):
                raise ValueError("arrays of compiled loops must be contiguous and aligned")
            kinds += (argument.dtype.str, argument.ndim, flags.writeable)
            values.append(argument.__array_interface__["data"][0])
            values += argument.shape
        elif isinstance(argument, tuple):
            kinds.append(kind)
            _add(argument, kinds, values)
            kinds.append(None)
        elif kind in (int, bool, np.int64):
            kinds.append(kind)
            values.append(int(argument))
        elif kind in (float, np.float64):
            kinds.append(kind)
            values += struct.unpack("=q", struct.pack("=d", argument))
        elif kind is np.float32:
            kinds.append(kind)
            values += struct.unpack("=q", struct.pack("=d", float(argument)))
        else:
            raise TypeError(f"compiled loops accept arrays, named tuples and numbers, not {kind.__name__}")


def describe(signature: Signature) -> str:
    """Return the signature as text, the same in every process."""
    return " ".join(
        f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else repr(kind) for kind in signature
    )
