"""Integer discrete flows for lossless audio compression: training, coding and evaluation.

``import idf`` is light: the codec loads when one of its functions is first used, and TensorFlow only for training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idf.api import (
        Approximation,
        Reader,
        approximate,
        compress,
        compress_file,
        compress_stream,
        decompress,
        decompress_file,
        decompress_stream,
        open,
        salvage,
    )

__version__ = "1.0.0"
__all__ = [
    "Approximation",
    "Reader",
    "approximate",
    "compress",
    "compress_file",
    "compress_stream",
    "decompress",
    "decompress_file",
    "decompress_stream",
    "open",
    "salvage",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from idf import api

        return getattr(api, name)
    raise AttributeError(f"module 'idf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
