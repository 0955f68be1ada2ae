"""The view latents, from its command line to its figures, with shipped models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.coding.codec import BlockwiseCodec
from idf.errors import ConfigError, DataError, RunError
from idf.evaluation.clip.__main__ import main
from idf.evaluation.clip.latents import look_into
from idf.evaluation.clip.show_latents import rows
from idf.models.registry import load_model


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A second of a chirp in noise at 8 kHz."""
    at = np.arange(8000) / 8000
    wave = 3000 * np.sin(2 * np.pi * (200 + 600 * at) * at) + 200 * np.random.default_rng(1).normal(size=8000)
    write_wav16(tmp_path / "a chirp.wav", wave.astype(np.int32), 8000)
    return tmp_path / "a chirp.wav"


def test_figures_and_the_table(wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert (
        main(["latents", "model=bands-small", f"clip={wav}", "seconds=0.25..0.75", "width=3.4", f"output={output}"])
        == 0
    )
    names = [f"{name}.{form}" for name in ("bits", "latents", "scales") for form in ("pdf", "png", "svg")]
    assert sorted(path.name for path in output.iterdir()) == names
    printed = capsys.readouterr().out
    assert "a chirp by bands-small: 0.50 s" in printed
    codec = load_model("bands-small")
    assert isinstance(codec, BlockwiseCodec)
    assert all(name in printed for name in codec.block_names)
    assert "latents.svg" in printed
    shares = [float(row[4].removesuffix(" %")) for row in rows(look_into(codec, "a", np.arange(4000), 8000))]
    assert sum(shares) == pytest.approx(100, abs=0.1 * len(shares))


def test_an_adaptive_flow_has_one_figure(wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert main(["latents", "model=fast", f"clip={wav}", "seconds=..0.2", f"output={output}"]) == 0
    assert sorted(path.name for path in output.iterdir()) == ["bits.pdf", "bits.png", "bits.svg"]
    assert "no latent blocks" in capsys.readouterr().out


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "seconds=A..B" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["1", "0.5..0.5", "3..4", "a..b", "nan..1", "0..inf1"])
def test_parts_outside_the_clip(wav: Path, seconds: str) -> None:
    with pytest.raises(ConfigError, match=r"the clip has 1\.00 s; write seconds=A\.\.B"):
        main(["latents", "model=bands-small", f"clip={wav}", f"seconds={seconds}"])


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        (["model=bands-small"], ConfigError, "name a view first, latents or progressive"),
        (["latent", "model=bands-small"], ConfigError, "did you mean latents"),
        (["latents"], ConfigError, "give either run=RUN"),
        (["latents", "model=bands-small", "run=latest"], ConfigError, "give either run=RUN"),
        (["latents", "model=bands-small", "blocks=3"], ConfigError, "blocks= applies to the view progressive only"),
        (["latents", "model=bands-small", "widht=3"], ConfigError, "did you mean width"),
        (["latents", "model=bands-small", "width=1"], ConfigError, "a number of inches from 3 to 20"),
        (["latents", "model=nowhere"], RunError, "there is no model nowhere"),
        (["latents", "model=bands-small", "clip=nobody"], DataError, "clip=nobody is neither a file"),
        (["latents", "run=nowhere"], RunError, "there is no run nowhere"),
    ],
)
def test_errors_are_explained(argv: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        main(argv)
