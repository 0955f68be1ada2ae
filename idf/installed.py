"""Which parts of the package are installed: the codec always; training, evaluation and studies with ``[train]``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from idf.errors import EXIT_USER_ERROR, MissingPartError

TRAINING = ("av", "hydra", "librosa", "matplotlib", "omegaconf", "tensorboard", "tensorflow", "wandb")
"""Modules that ``[train]`` brings."""


def need_training() -> None:
    """Say what to type where ``[train]`` is not installed. Called before anything of it is imported.

    A command of ours then ends, with status 2.

    Raises:
        MissingPartError: in other programs.
    """
    missing = [name for name in TRAINING if name not in sys.modules and importlib.util.find_spec(name) is None]
    if not missing:
        return
    text = (
        f"training, evaluation and studies need {', '.join(missing)}, not installed here; "
        "type in the project's folder: pip install '.[train]'"
    )
    if not _is_our_command():
        raise MissingPartError(text)
    print(f"error: {text}", file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)


def _is_our_command() -> bool:
    """Whether it is ``python -m`` that imports a package of ours, or a file of ours that was started."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    return sys.argv[0] == "-m" or (main is not None and Path(main).resolve().is_relative_to(Path(__file__).parents[1]))
