from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.config.schema import AdaptiveConfig, Config, ModelConfig
from idf.datasets.dataset import Clip, Dataset
from idf.evaluation import command
from idf.evaluation.codecs.interface import ClipFile, FileCodec, Unavailable
from idf.evaluation.measurement import WorkingClip, lay_out_clip
from idf.evaluation.report.example_clip import make_example_clip
from idf.evaluation.report.html import page
from idf.evaluation.report.sounds import Sounds
from idf.evaluation.results import Results, Row
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.adaptive.model import build_adaptive
from idf.page.document import to_flac
from idf.runs.run import RunFolder
from tests.blockwise_fake import Interlaced

NASTY = "<script>alert('&\"')</script>"
"""Text that a page must escape."""


@pytest.fixture(autouse=True)
def _fakes_in_workers(fakes: types.ModuleType) -> None:
    """Make the fakes available to all tests here."""


@pytest.fixture
def check_lossless(tmp_path: Path, fakes: types.ModuleType) -> Callable[[FileCodec], None]:
    """Return a check that encodes and decodes difficult clips, compares them, and requires that speech shrinks."""
    rng = np.random.default_rng(1)
    clips = {
        "speech": fakes.speech_like(6000),
        "noise": rng.integers(-32768, 32768, 5000),
        "silence": np.zeros(2000, np.int32),
        "square": np.where(np.arange(3000) % 50 < 25, -32768, 32767),
        "a frame and one sample": fakes.speech_like(4097),
        "short": fakes.speech_like(19),
        "two samples": np.array([-32768, 32767]),
        "stereo": np.stack([fakes.speech_like(4100, 1), fakes.speech_like(4100, 2)], axis=1),
    }

    def check(codec: FileCodec) -> None:
        codec.prepare()
        for name, samples in clips.items():
            target = tmp_path / f"{name}{codec.suffix}"
            wav = lay_out_clip(name, samples, 8000, tmp_path / "in").wav
            codec.encode(ClipFile(wav, samples.astype(np.int32), 8000), target)
            wav.unlink()
            decoded = codec.decode(target)
            assert decoded.dtype == np.int32
            assert np.array_equal(decoded, samples), name
        assert (tmp_path / f"speech{codec.suffix}").stat().st_size < 0.9 * 2 * len(clips["speech"])

    return check


@pytest.fixture
def working_clips(tmp_path: Path, fakes: types.ModuleType) -> list[WorkingClip]:
    """Two clips in the workers' formats: 3,000 and 500 samples at 8 kHz."""
    folder = tmp_path / "clips"
    folder.mkdir()
    clips = []
    for number, count in enumerate((3000, 500)):
        samples = fakes.speech_like(count, number)
        wav, pcm = folder / f"{number}.wav", folder / f"{number}.npy"
        write_wav16(wav, samples, 8000)
        np.save(pcm, samples)
        clips.append(WorkingClip(f"clip{number}", count, 8000, wav, pcm))
    return clips


@pytest.fixture
def audio_folder(tmp_path: Path, fakes: types.ModuleType) -> Path:
    """A folder data set at 8 kHz: five clips of two seconds, and a very short one in a subfolder."""
    root = tmp_path / "audio"
    (root / "deep").mkdir(parents=True)
    for number in range(5):
        write_wav16(root / f"c{number}.wav", fakes.speech_like(16000 + 97 * number, number), 8000)
    write_wav16(root / "deep" / "c 5.wav", fakes.speech_like(40, 9), 8000)
    return root


@pytest.fixture
def make_adaptive() -> Callable[[int], AdaptiveCodec]:
    """Return a function that makes a small untrained adaptive flow with chunks of the given length in samples."""
    adaptive = AdaptiveConfig(
        stages=8,
        experts=[[1, 4], [3, 8], [6, 8]],
        cascades=[1],
        filter_orders=[32, 16],
        filter_rates=[0.005, 0.004],
        past=4,
        hidden=32,
        layers=1,
        components=2,
    )
    model = build_adaptive(Config(model=ModelConfig(name="adaptive", family="adaptive", window=1, adaptive=adaptive)))
    weights = model.coding_weights(model.initial_parameters(3))

    def make(chunk_samples: int) -> AdaptiveCodec:
        return AdaptiveCodec(model.settings, weights, bytes(16), chunk_samples=chunk_samples)

    return make


@pytest.fixture
def page_results() -> Results:
    """Two codecs on three clips, the second of which is the typical clip; all names need escaping."""
    row = Row(
        "IDF " + NASTY, "idf", "set", "test", 3, 24000, 256, 26000, 8.67, 1.846, 8.66, None, 22.0, 20.0, 180.0, True
    )
    rows = (row, dataclasses.replace(row, codec="FLAC -8 " + NASTY, bytes=28000, bits_per_sample=9.33, window=None))
    clip = {"samples": 8000, "rate_hz": 8000, "channels": 1, "nll_bits": 60000.0}
    sizes = {"a/long-name-of-a-clip-that-goes-on-and-on": 8000, NASTY: 8600, "c": 9400}
    records = tuple({"name": name, "bytes": size, **clip} for name, size in sizes.items())
    about: dict[str, Any] = {"idf": "1", "python": "3", "packages": {"numpy": "2"}, "cpu": NASTY, "cpus": 2}
    about |= {"command": ["/here/evaluate.py", f"run={NASTY}"], "git": {"revision": "0123456789abcdef", "changed": []}}
    return Results(
        rows, (Unavailable("Sac", NASTY, NASTY),), (NASTY,), about, {row.codec: records, rows[1].codec: records}
    )


@pytest.fixture
def page_run(tiny_model: Path, tmp_path: Path) -> RunFolder:
    """A run with settings and a history of 16 blocks."""
    folder = tmp_path / "run-s0"
    folder.mkdir()
    (folder / "config.yaml").write_text((tiny_model.parent / "config.yaml").read_text() + f"# {NASTY}\n")
    (folder / "environment.json").write_text(json.dumps({"command": ["/here/train.py", f"x={NASTY}"]}))
    lines = []
    for step in range(0, 100, 10):
        line: dict[str, Any] = {"step": step, "kind": "train", "loss": 12 - step / 40, "compression_ratio": 1.4}
        for block in range(1, 17):
            line |= {f"log_scale/z{block}/{end}": -5 + at for end, at in (("mean", 0), ("min", -1), ("max", 1))}
        lines += [line, {"step": step, "kind": "validation", "bits_per_dim": 12 - step / 40}]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return RunFolder(folder)


@pytest.fixture
def page_dataset(fakes: types.ModuleType, tmp_path: Path, page_results: Results) -> Dataset:
    clips = []
    for number, record in enumerate(page_results.per_clip[page_results.rows[0].codec]):
        path = tmp_path / f"{number}.wav"
        write_wav16(path, fakes.speech_like(8000, number), 8000)
        clips.append(Clip(record["name"], path, 8000, 8000))
    return Dataset("set", "split", 8000, (), (), tuple(clips))


@pytest.fixture
def page_sounds(page_dataset: Dataset) -> Sounds:
    """One second of each clip, and the first clip in place of audio drawn from the model."""
    clips = [to_flac(page_dataset.read(clip).samples, 8000) for clip in page_dataset.test]
    return Sounds(tuple(clips), None, clips[0])


@pytest.fixture
def make_page(
    page_results: Results,
    page_run: RunFolder,
    page_dataset: Dataset,
    page_sounds: Sounds,
    make_adaptive: Callable[[int], AdaptiveCodec],
) -> Callable[[int], str]:
    """Return a function that makes the page's text for a codec with the given number of blocks; 0: an adaptive flow."""

    def make(blocks: int) -> str:
        codec = Interlaced(blocks) if blocks else make_adaptive(4096)
        example = make_example_clip(codec, page_dataset, page_dataset.test, page_results)
        return page(page_results, page_run, example, page_sounds)

    return make


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the example clip and write an empty page: drawing takes seconds, and one test and ``tests/docs`` cover it."""
    monkeypatch.setattr(command, "make_example_clip", lambda codec, dataset, clips, results: None)

    def write_page(results: Any, run: Any, example: Any, sounds: Any, folder: Path) -> Path:
        (folder / "report.html").touch()
        return folder / "report.html"

    monkeypatch.setattr(command, "write_page", write_page)
