"""The tool that makes recordings of many kinds: each kind has the properties in its name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from idf.errors import DataError
from tests.paths import ROOT

RATE_HZ = 8000


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_kinds", ROOT / "tools" / "make_kinds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def clip() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.rint(np.cumsum(rng.laplace(0, 90, 3000)) * 0.3).clip(-9000, 9000).astype(np.int16)


def test_kinds_have_the_properties_in_their_names(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "clip.flac", clip(), RATE_HZ)
    target = tmp_path / "kinds"
    monkeypatch.setattr(sys, "argv", ["make_kinds.py", str(tmp_path / "clip.flac"), "--target", str(target)])
    assert tool.main() == 0
    assert sorted(path.name for path in target.iterdir()) == sorted(tool.KINDS)
    made = {kind: soundfile.read(target / kind / "clip.wav", dtype="int32", always_2d=True)[0] for kind in tool.KINDS}
    plain = made["plain"] >> 16
    assert np.array_equal(plain[:, 0], clip())
    for kind in ("mu-law", "a-law"):
        assert len(np.unique(made[kind])) <= 256
        assert np.abs((made[kind] >> 16) - plain).max() <= 512
    assert not np.any(made["8-in-16"] & 0xFFFFFF)
    assert not np.any(made["12-in-16"] & 0xFFFFF)
    assert np.array_equal(made["16-in-24"], made["plain"])
    assert soundfile.info(target / "scaled-24" / "clip.wav").subtype == "PCM_24"
    assert np.abs(made["normalised"] >> 16).max() == round(0.97 * 32768)
    assert len(made["upsampled"]) == 2 * len(plain)
    assert soundfile.info(target / "upsampled" / "clip.wav").samplerate == 2 * RATE_HZ
    assert made["twins"].shape == made["delayed"].shape == (3000, 2)
    assert np.abs((made["upsampled"][::2] >> 16) - plain).max() <= 1


def test_g711_as_other_programs_decode_it(tool: ModuleType, tmp_path: Path) -> None:
    for values, subtype in ((tool._mu_law_values(), "ULAW"), (tool._a_law_values(), "ALAW")):
        soundfile.write(tmp_path / "x.wav", np.arange(-32768, 32768, dtype=np.int16), RATE_HZ, subtype=subtype)
        known = np.unique(soundfile.read(tmp_path / "x.wav", dtype="int16")[0])
        assert np.array_equal(np.unique(values), known)


def test_unreadable_files_are_named(tool: ModuleType, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", np.zeros(9, np.int32), RATE_HZ, subtype="PCM_24")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.int16), RATE_HZ)
    for name, message in (("wide.wav", "PCM_24"), ("empty.wav", "no samples"), ("none.wav", "none.wav")):
        with pytest.raises(DataError, match=message):
            tool.read(tmp_path / name)
