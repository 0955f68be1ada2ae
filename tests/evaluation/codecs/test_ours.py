from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from idf.audio.pcm import write_wav16
from idf.errors import FormatError, RunError
from idf.evaluation.codecs.interface import ClipFile
from idf.evaluation.codecs.ours import ModelCodec


def test_lossless_even_untrained(tiny_model: Path, check_lossless: Callable[..., None]) -> None:
    check_lossless(ModelCodec(str(tiny_model)))


def test_a_damaged_file_is_refused(tiny_model: Path, tmp_path: Path, fakes) -> None:
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
