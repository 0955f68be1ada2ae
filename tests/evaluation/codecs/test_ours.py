"""Models as rows of the table: a run's model file, and installed models by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.errors import FormatError, RunError
from idf.evaluation.codecs.interface import ClipFile, FileCodec
from idf.evaluation.codecs.ours import ModelCodec, check_models, command_entry, installed_models, library_entry
from idf.evaluation.measurement import lay_out_clip


@pytest.fixture
def imported(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny model, imported as ``tiny`` among the user's models."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(tiny_model, folder / "tiny.idfm")
    monkeypatch.setenv("IDF_MODELS", str(folder))
    return "tiny"


def test_lossless_even_untrained(tiny_model: Path, check_lossless: Callable[[FileCodec], None]) -> None:
    check_lossless(ModelCodec(str(tiny_model)))


def test_a_damaged_file_is_refused(tiny_model: Path, tmp_path: Path, fakes: ModuleType) -> None:
    codec, file = ModelCodec(str(tiny_model)), tmp_path / "x.idf"
    samples = fakes.speech_like(700)
    write_wav16(tmp_path / "x.wav", samples, 8000)
    codec.encode(ClipFile(tmp_path / "x.wav", samples, 8000), file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(FormatError):
        codec.decode(file)


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no model .*model\.idfm"):
        ModelCodec(str(tmp_path / "model.idfm")).prepare()


def test_available_models(imported: str) -> None:
    assert imported in installed_models()
    check_models([imported])
    with pytest.raises(RunError, match=r"there is no model tyni; available: .*tiny"):
        check_models([imported, "tyni"])


def test_the_library_is_lossless(imported: str, check_lossless: Callable[[FileCodec], None]) -> None:
    check_lossless(library_entry(imported).implementation)


def test_the_command_on_a_file(imported: str, tmp_path: Path, fakes: ModuleType) -> None:
    samples = np.stack([fakes.speech_like(700, seed) for seed in (1, 2)], axis=1)
    clip = lay_out_clip("stereo", samples, 8000, tmp_path / "clip")
    codec = command_entry(imported).implementation
    codec.encode(ClipFile(clip.wav, samples, 8000), tmp_path / "x.idf")
    assert np.array_equal(codec.decode(tmp_path / "x.idf"), samples)
