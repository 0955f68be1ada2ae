"""Checkpoints: one ``.npz`` each, with everything a run needs to resume as if it had never stopped.

They consist of plain arrays and one JSON text, without any code (``allow_pickle=False``). Files are written
atomically. If one is damaged, the previous one is used.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from idf.errors import RunError
from idf.files import atomic_write

FORMAT = 1
_META = "meta.json"


@dataclass(frozen=True)
class Checkpoint:
    """The state after ``step`` steps.

    Attributes:
        parameters: float32 arrays by name.
        average: the averaged weights by name; empty without averaging.
        optimizer: the optimiser's variables, in its order.
        constants: arrays that the model drew once and must never draw again (permutations).
        meta: plain values: config, seconds trained, best bits per dimension, state of the guard and the tracker.
    """

    step: int
    parameters: Mapping[str, np.ndarray]
    average: Mapping[str, np.ndarray]
    optimizer: tuple[np.ndarray, ...]
    constants: Mapping[str, np.ndarray]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The weights to evaluate and export: the average if there is one."""
        return self.average or self.parameters


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` atomically.

    Raises:
        OutputError: the file cannot be written, for example because the disk is full.
    """
    meta = {"format": FORMAT, "step": checkpoint.step, **checkpoint.meta}
    arrays = {_META: np.frombuffer(json.dumps(meta).encode(), np.uint8)}
    for group in ("parameters", "average", "constants"):
        arrays |= {f"{group}/{name}": value for name, value in getattr(checkpoint, group).items()}
    arrays |= {f"optimizer/{index:05d}": value for index, value in enumerate(checkpoint.optimizer)}
    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RunError: it is missing, damaged, or from another version.
    """
    try:
        with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}  # reads everything, so zip checks each array's CRC
        meta = json.loads(arrays.pop(_META).tobytes())
        version, step = meta.pop("format"), meta.pop("step")
    except FileNotFoundError as error:
        raise RunError(f"checkpoint {path} is missing") from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise RunError(f"checkpoint {path} is damaged ({type(error).__name__}: {error})") from error
    if version != FORMAT:
        raise RunError(f"checkpoint {path} has format {version}; this version of idf reads {FORMAT}")
    return Checkpoint(
        step=step,
        parameters=_group(arrays, "parameters"),
        average=_group(arrays, "average"),
        optimizer=tuple(value for _, value in sorted(_group(arrays, "optimizer").items())),
        constants=_group(arrays, "constants"),
        meta=meta,
    )


def _group(arrays: Mapping[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    prefix = f"{group}/"
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


class CheckpointFolder:
    """The last ``keep`` checkpoints and the best one of a run."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    @property
    def best_path(self) -> Path:
        """Path of the checkpoint with the best validation score."""
        return self.folder / "best.npz"

    def paths(self) -> list[Path]:
        """Return the numbered checkpoints, oldest first."""
        return sorted(self.folder.glob("step-*.npz"), key=lambda path: (len(path.name), path.name))

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a numbered checkpoint, remove the oldest beyond ``keep``, and return its path."""
        path = self.folder / f"step-{checkpoint.step:08d}.npz"
        save_checkpoint(path, checkpoint)
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Replace the best checkpoint."""
        save_checkpoint(self.best_path, checkpoint)

    def latest(self) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """Return the newest readable checkpoint (None without any), and a sentence for each damaged one skipped.

        Raises:
            RunError: there are checkpoints, but none of them can be read.
        """
        warnings: list[str] = []
        for path in reversed(self.paths()):
            try:
                return load_checkpoint(path), tuple(warnings)
            except RunError as error:
                warnings.append(str(error))
        if warnings:
            raise RunError("; ".join(warnings) + "; force=true starts this run over")
        return None, ()
