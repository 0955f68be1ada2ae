"""Which parts of the package are installed: always the codec; training, evaluation and studies with ``[train]``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from idf.errors import EXIT_USER_ERROR, MissingPartError

TRAINING = ("av", "hydra", "librosa", "matplotlib", "omegaconf", "tensorboard", "tensorflow", "wandb")
"""Modules that ``[train]`` installs."""


def need_training() -> None:
    """Check that ``[train]`` is installed, before any of its modules is imported.

    If it is not, the project's commands print how to install it and exit with status 2.

    Raises:
        MissingPartError: ``[train]`` is not installed, and this is another program.
    """
    missing = [name for name in TRAINING if name not in sys.modules and importlib.util.find_spec(name) is None]
    if not missing:
        return
    text = (
        f"training, evaluation and studies need {', '.join(missing)}, which are not installed; "
        "run in the project's folder: pip install '.[train]'"
    )
    if not _is_our_command():
        raise MissingPartError(text)
    print(f"error: {text}", file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)


def _is_our_command() -> bool:
    """Return whether this process runs one of the project's modules (``python -m``) or scripts."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    return sys.argv[0] == "-m" or (main is not None and Path(main).resolve().is_relative_to(Path(__file__).parents[1]))
