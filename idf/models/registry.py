"""The models at hand, by name, by path, and by the fingerprint in a compressed file.

Models come with the package, or are imported into a folder of the user's; both are folders of model
files (``NAME.idfm``). A model that is not here is named, with how to get it.
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
"""What is used where no model is named; ``IDF_MODEL`` overrides it."""
SHIPPED = Path(__file__).parent.parent / "data" / "models"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model without building it.

    Attributes:
        name: file name without suffix.
        fingerprint: 16 bytes.
        window: samples coded together; None where there are no windows.
        parameters: number of weights.
        provenance: where it comes from, for people.
    """

    name: str
    path: Path
    fingerprint: bytes
    window: int | None
    parameters: int
    provenance: dict[str, Any]

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the package."""
        return self.path.parent == SHIPPED


def user_folder() -> Path:
    """Where imported models are kept: ``IDF_MODELS``, or this system's place for such things."""
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
    """All model files: those of the package first, then the user's; by name."""
    return [path for folder in (SHIPPED, user_folder()) for path in sorted(folder.glob(f"*{MODEL_SUFFIX}"))]


def read_card(path: Path | str) -> ModelCard:
    """What a model file says of itself.

    Raises:
        RunError: it is missing, damaged, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"there is no model file {path}")
    state = path.stat()
    return _read_card(path, state.st_mtime_ns, state.st_size)


def find_model(model: str | Path | None) -> Path:
    """The file of a model given by name or path; of the default model where it is None.

    Raises:
        RunError: there is none; says which there are.
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
    """The file of the model that made a compressed file.

    Args:
        fingerprint: the first bytes of the model's, as a compressed file carries them.

    Raises:
        RunError: it is not here; says how to get it.
    """
    for path in model_paths():
        try:
            if read_card(path).fingerprint.startswith(fingerprint):
                return path
        except RunError:
            continue  # a broken model must not hide the right one
    raise RunError(
        f"this needs model {fingerprint.hex()}, which is not installed; whoever compressed it has the model "
        "(idf models export NAME FILE writes it): import it with idf models import FILE, or give it with --model FILE"
    )


def load_model(model: str | Path | None) -> Codec:
    """The codec of a model given by name or path; of the default model where it is None. Kept loaded.

    Raises:
        RunError: there is none, or its file is damaged or of another version.
    """
    return _load(find_model(model))


def load_for(fingerprint: bytes, model: str | Path | None = None) -> Codec:
    """The codec of the model that made a compressed file.

    Args:
        fingerprint: from the file's header: the first bytes of the model's.
        model: name or path, where the user says which it is; otherwise looked up.

    Raises:
        RunError: it is not here, or the model named is another one.
    """
    path = find_by_fingerprint(fingerprint) if model is None else find_model(model)
    codec = _load(path)
    if not codec.fingerprint.startswith(fingerprint):
        raise RunError(
            f"the file was made with model {fingerprint.hex()}; {path} is model "
            f"{codec.fingerprint[: len(fingerprint)].hex()}: give another"
        )
    return codec


def export_model(model: str | Path, target: Path | str) -> Path:
    """Copy a model to a file that others can import; an existing file is not replaced.

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
        name: to keep it under; the file's own if None.

    Raises:
        RunError: it is missing, damaged, of another version, or the name is taken by another model.
    """
    from idf.models.load import load_codec

    source = Path(source)
    codec = load_codec(source)  # all of it is checked, not the frame only
    name = name or source.stem
    if not _NAME.fullmatch(name):
        raise RunError(f"{name!r} is no name for a model: letters, digits, '.', '-' and '_'; choose one with --name")
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
    """Every model, or what is wrong with it."""
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
