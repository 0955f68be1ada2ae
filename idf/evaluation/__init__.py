"""Measurement: a model and other codecs on the same clips, every row really coded, decoded and compared.

Names load when they are first used: a worker process that runs one small codec must not carry
the memory of everything else.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "BASELINES": "baselines",
    "ClipFile": "codecs",
    "CodecError": "codecs",
    "CodedClip": "latents",
    "Entry": "codecs",
    "FileCodec": "codecs",
    "NotMade": "codecs",
    "Options": "options",
    "Results": "results",
    "Row": "results",
    "draw_bits": "latent_plots",
    "draw_latents": "latent_plots",
    "draw_quality": "latent_plots",
    "draw_scales": "latent_plots",
    "evaluate": "command",
    "find_baselines": "baselines",
    "look_into": "latents",
    "main": "command",
    "measure": "measurement",
    "model_nll_bits": "likelihood",
    "open_run": "runs",
    "plot_codecs": "plots",
    "plot_history": "plots",
    "save_vector": "latent_plots",
    "write_evaluation": "command",
    "write_page": "page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
