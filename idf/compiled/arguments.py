"""From Python's arguments to a row of 64-bit numbers, which is all that machine code is given.

An array is where it begins and its lengths, a named tuple is its fields one after another, a number is itself.
:mod:`idf.compiled.build` takes the row apart in the same order.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

Signature = tuple[Any, ...]
"""The kinds of all arguments: dtype, axes and whether they can be written of arrays, the types of everything else, ``None`` at a tuple's end."""


def flatten(arguments: tuple[Any, ...]) -> tuple[Signature, list[int]]:
    """Return the signature of arguments, and the numbers that stand for them.

    Raises:
        TypeError: an argument of a kind that loops cannot have.
        ValueError: an array that is not contiguous and aligned.
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
            raise TypeError(f"compiled loops take arrays, named tuples and numbers, not {kind.__name__}")


def describe(signature: Signature) -> str:
    """The signature as text that is the same in every process."""
    return " ".join(
        f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else repr(kind) for kind in signature
    )
