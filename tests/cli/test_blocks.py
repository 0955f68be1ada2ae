"""``idf decompress --blocks``: reconstruction from the first latent blocks, under a separate name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.models import registry

SHIPPED = Path(registry.__file__).parent.parent / "data" / "models"


@pytest.fixture
def compressed(idf: Callable[..., object], wav: Path) -> Path:
    idf("compress", wav)
    return wav.with_suffix(".idf")


def test_the_first_blocks_go_beside_the_source_under_another_name(idf: Callable[..., object], compressed: Path) -> None:
    result = idf("decompress", "--blocks", 5, compressed)
    target = compressed.with_name("in.blocks5.wav")
    assert result.status == 0
    assert "the first 5 of 7 blocks (up to z3), " in result.err
    assert f"% of the bits, written to {target}" in result.err
    original, rate_hz = soundfile.read(compressed.with_suffix(".wav"), dtype="int16")
    heard, same_rate_hz = soundfile.read(target, dtype="int16")
    assert (same_rate_hz, heard.shape) == (rate_hz, original.shape)
    assert 0 < np.sum((heard.astype(float) - original) ** 2) < np.sum(original.astype(float) ** 2)


def test_nothing_is_replaced_and_a_name_can_be_given(idf: Callable[..., object], compressed: Path) -> None:
    other = compressed.with_name("other.wav")
    assert idf("decompress", "--blocks", 2, compressed, "-o", other, "-q").err == ""
    refused = idf("decompress", "--blocks", 3, compressed, "-o", other)
    assert (refused.status, "exists" in refused.err) == (1, True)
    assert idf("decompress", "--blocks", 7, compressed, "-o", other, "-f").status == 0
    assert other.read_bytes() == compressed.with_suffix(".wav").read_bytes()
    assert sorted(path.name for path in compressed.parent.iterdir()) == ["in.idf", "in.wav", "other.wav"]


def test_pipes_and_folders(idf: Callable[..., object], compressed: Path, tmp_path: Path) -> None:
    piped = idf("decompress", "--blocks", 4, "-", stdin=compressed.read_bytes())
    assert idf("decompress", "--blocks", 4, compressed.parent, "-o", tmp_path / "to", "-q").status == 0
    assert (tmp_path / "to" / "in.blocks4.wav").read_bytes() == piped.out


def test_a_flac_becomes_wav(idf: Callable[..., object], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.arange(2000, dtype=np.int16), 8000)
    idf("compress", tmp_path / "a.flac")
    assert idf("decompress", "--blocks", 3, tmp_path / "a.idf").status == 0
    assert (tmp_path / "a.blocks3.wav").exists()
    refused = idf("decompress", "--blocks", 3, tmp_path / "a.idf", "-o", tmp_path / "b.flac")
    assert (refused.status, "give a .wav file" in refused.err) == (1, True)


@pytest.mark.parametrize(("blocks", "status"), [("8", 1), ("0", 2), ("-3", 2), ("all", 2)])
def test_numbers_that_are_wrong_are_explained(
    idf: Callable[..., object], compressed: Path, blocks: str, status: int
) -> None:
    result = idf("decompress", f"--blocks={blocks}", compressed)
    assert result.status == status
    assert ("has 7 latent blocks, not 8; choose 1 to 7" in result.err) == (status == 1)
    assert len(list(compressed.parent.glob("*.wav"))) == 1


def test_models_without_blocks_say_what_to_do(idf: Callable[..., object], wav: Path, models: Path) -> None:
    shutil.copy(SHIPPED / "fast.idfm", models)
    soundfile.write(wav, np.zeros(9, np.int16), 8000)  # silence needs no compiled loops
    assert idf("compress", "--fast", wav).status == 0
    result = idf("decompress", "--blocks", 3, wav.with_suffix(".idf"))
    assert result.status == 1
    assert "in.idf: the model is an adaptive flow" in result.err
    assert "idf compress --model bands-small" in result.err
    assert list(wav.parent.glob("*blocks*")) == []


def test_damage_leaves_nothing_behind(idf: Callable[..., object], compressed: Path) -> None:
    data = bytearray(compressed.read_bytes())
    data[len(data) // 2] ^= 8
    compressed.write_bytes(bytes(data))
    result = idf("decompress", "--blocks", 3, compressed)
    assert (result.status, "damaged" in result.err) == (1, True)
    assert sorted(path.name for path in compressed.parent.iterdir()) == ["in.idf", "in.wav"]
