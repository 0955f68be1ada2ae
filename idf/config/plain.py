"""Configurations from dictionaries of plain values. Reading stored settings needs nothing but the standard library."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def read_plain(kind: type[T], tree: object, place: str = "") -> T:
    """Return a dataclass with the values of ``tree`` and defaults for the rest.

    Args:
        kind: a dataclass of plain values, lists and other dataclasses.
        place: the dotted key of ``tree``, for messages.

    Raises:
        ValueError: an unknown setting or a value of the wrong type; the message says which.
    """
    if not isinstance(tree, Mapping):
        raise ValueError(f"{place or 'the whole'} is not a group of settings")
    kinds, values = _kinds(typing.cast(type, kind)), {}
    for name, value in tree.items():
        full = f"{place}.{name}" if place else str(name)
        if name not in kinds:
            raise ValueError(f"{full} is not a setting")
        values[name] = _read(kinds[name], value, full)
    return kind(**values)


@functools.cache
def _kinds(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _read(kind: Any, value: object, place: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return read_plain(typing.cast(type, kind), value, place)
    if typing.get_origin(kind) is types.UnionType:
        other = next(option for option in typing.get_args(kind) if option is not types.NoneType)
        return None if value is None else _read(other, value, place)
    if typing.get_origin(kind) is list and isinstance(value, list):
        (inner,) = typing.get_args(kind)
        return [_read(inner, item, f"{place}[{number}]") for number, item in enumerate(value)]
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{place} is {value!r}; expected {getattr(kind, '__name__', kind)}")
    return value
