"""Lookup of models by name, by path, and by the fingerprint in a compressed file.

Models are shipped with the package or imported into a folder of the user; both folders contain model
files (``NAME.idfm``). Errors about missing models say how to get them.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idf.errors import OutputError, RunError
from idf.files import atomic_write, is_stream
from idf.models.file import read_model_file

if TYPE_CHECKING:
    from idf.models.load import Codec

MODEL_SUFFIX = ".idfm"
DEFAULT_MODEL = "default"
"""Model that is used unless one is given; ``IDF_MODEL`` overrides it."""
SHIPPED = Path(__file__).parent.parent / "data" / "models"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelCard:
    """Description of a model that is available without building it.

    Attributes:
        name: file name without suffix.
        fingerprint: 16 bytes.
        window: samples coded together; None without windows.
        parameters: number of weights.
        provenance: origin of the model, for information.
    """

    name: str
    path: Path
    fingerprint: bytes
    window: int | None
    parameters: int
    provenance: dict[str, Any]

    @property
    def is_shipped(self) -> bool:
        """Whether the model is shipped with the package."""
        return self.path.parent == SHIPPED


def user_folder() -> Path:
    """Return the folder of imported models: ``IDF_MODELS``, or the system's folder for application data."""
    if named := os.environ.get("IDF_MODELS"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "idf" / "models"


def model_paths() -> list[Path]:
    """Return all model files, first those of the package, then the user's, each sorted by name."""
    return [path for folder in (SHIPPED, user_folder()) for path in sorted(folder.glob(f"*{MODEL_SUFFIX}"))]


def read_card(path: Path | str) -> ModelCard:
    """Return the description of a model file.

    Raises:
        RunError: it is missing, damaged, or from another version.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"there is no model file {path}")
    state = path.stat()
    return _read_card(path, state.st_mtime_ns, state.st_size)


def find_model(model: str | Path | None) -> Path:
    """Return the file of a model given by name or path, or of the default model if None.

    Raises:
        RunError: there is no such model; the message lists those that exist.
    """
    if model is None:
        model = os.environ.get("IDF_MODEL") or DEFAULT_MODEL
    path = Path(model)
    if path.is_file():
        return path
    if path.is_dir() and (path / "model.idfm").is_file():
        return path / "model.idfm"
    if isinstance(model, str) and _NAME.fullmatch(model):
        for known in model_paths():
            if known.stem == model:
                return known
    names = ", ".join(path.stem for path in model_paths()) or "none yet"
    raise RunError(
        f"there is no model {model}; give the path of a model file, import one (idf models import FILE), "
        f"or take one of: {names}"
    )


def find_by_fingerprint(fingerprint: bytes) -> Path:
    """Return the file of the model that made a compressed file.

    Args:
        fingerprint: the first bytes of the model's fingerprint, from the compressed file.

    Raises:
        RunError: the model is not installed; the message says how to get it.
    """
    for path in model_paths():
        try:
            if read_card(path).fingerprint.startswith(fingerprint):
                return path
        except RunError:
            continue  # a broken model must not hide the right one
    raise RunError(
        f"this needs model {fingerprint.hex()}, which is not installed; get its file from whoever compressed this "
        "(idf models export NAME FILE), then import it with idf models import FILE or use --model FILE"
    )


def load_model(model: str | Path | None) -> Codec:
    """Return the codec of a model given by name or path, or of the default model if None; codecs stay loaded.

    Raises:
        RunError: there is no such model, or its file is damaged or from another version.
    """
    return _load(find_model(model))


def load_for(fingerprint: bytes, model: str | Path | None = None) -> Codec:
    """Return the codec of the model that made a compressed file.

    Args:
        fingerprint: the first bytes of the model's fingerprint, from the compressed file.
        model: name or path; if None, the model is looked up by its fingerprint.

    Raises:
        RunError: the model is not installed, or ``model`` is a different one.
    """
    path = find_by_fingerprint(fingerprint) if model is None else find_model(model)
    codec = _load(path)
    if not codec.fingerprint.startswith(fingerprint):
        raise RunError(
            f"the file was made with model {fingerprint.hex()}; {path} is model "
            f"{codec.fingerprint[: len(fingerprint)].hex()}; give the right model"
        )
    return codec


def export_model(model: str | Path, target: Path | str) -> Path:
    """Copy a model to a file that others can import, and return its path; an existing file is not replaced.

    Raises:
        RunError: there is no such model.
        OutputError: the target exists or cannot be written.
    """
    source, target = find_model(model), Path(target)
    if target.is_dir():
        target = target / f"{source.stem}{MODEL_SUFFIX}"
    if os.path.lexists(target) and not is_stream(target):
        raise OutputError(f"{target} exists; choose another name")
    _copy(source, target)
    return target


def import_model(source: Path | str, name: str | None = None) -> ModelCard:
    """Check a model file and copy it to the user's models.

    Args:
        name: name of the model; that of the file if None.

    Raises:
        RunError: the file is missing, damaged or from another version, or another model has this name.
    """
    from idf.models.load import load_codec

    source = Path(source)
    codec = load_codec(source)  # checks the whole file, not only its structure
    name = name or source.stem
    if not _NAME.fullmatch(name):
        raise RunError(
            f"{name!r} is not a valid name for a model; use letters, digits, '.', '-' and '_' and choose it with --name"
        )
    for path in model_paths():
        if path.stem == name:
            if read_card(path).fingerprint == codec.fingerprint:
                return read_card(path)
            raise RunError(f"there is another model {name} ({path}); choose another name with --name")
    target = user_folder() / f"{name}{MODEL_SUFFIX}"
    _copy(source, target)
    return read_card(target)


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as original, atomic_write(target) as file:
        shutil.copyfileobj(original, file)


@functools.lru_cache(maxsize=64)
def _read_card(path: Path, mtime_ns: int, size: int) -> ModelCard:
    file = read_model_file(path)
    window = file.header["config"].get("model", {}).get("window")
    if window == 1:
        window = None  # the adaptive flow
    weights = sum(array.size for name, array in file.arrays.items() if name.startswith("parameter/"))
    return ModelCard(path.stem, path, file.fingerprint, window, weights, file.header["provenance"])


def iter_cards() -> Iterator[ModelCard | RunError]:
    """Yield every model's description, or the error that reading it gave."""
    for path in model_paths():
        try:
            yield read_card(path)
        except RunError as error:
            yield error


def _load(path: Path) -> Codec:
    state = path.stat()
    return _load_version(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def _load_version(path: Path, mtime_ns: int, size: int) -> Codec:
    from idf.models.load import load_codec

    return load_codec(path)
