from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.evaluation.codecs.interface import FileCodec
from idf.evaluation.codecs.ours import check_models, command_entry, installed_models, library_entry


@pytest.fixture
def imported(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny model under the name ``tiny`` among the user's models."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(tiny_model, folder / "tiny.idfm")
    monkeypatch.setenv("IDF_MODELS", str(folder))
    return "tiny"


def test_models_at_hand(imported: str) -> None:
    assert imported in installed_models()
    check_models([imported])
    with pytest.raises(RunError, match=r"there is no model tyni; there are .*tiny"):
        check_models([imported, "tyni"])


def test_the_library_is_lossless(imported: str, check_lossless: Callable[[FileCodec], None]) -> None:
    check_lossless(library_entry(imported).implementation)


def test_the_command_on_a_file(imported: str, tmp_path: Path, fakes) -> None:
    import numpy as np

    from idf.evaluation.codecs.interface import ClipFile
    from idf.evaluation.measurement import lay_out_clip

    samples = np.stack([fakes.speech_like(700, seed) for seed in (1, 2)], axis=1)
    clip = lay_out_clip("stereo", samples, 8000, tmp_path / "clip")
    codec = command_entry(imported).implementation
    codec.encode(ClipFile(clip.wav, samples, 8000), tmp_path / "x.idf")
    assert np.array_equal(codec.decode(tmp_path / "x.idf"), samples)
