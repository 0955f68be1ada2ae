from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from idf.audio.pcm import read_pcm16
from idf.config import DataConfig
from idf.evaluation.codecs.interface import CodecError, Entry, FileCodec
from idf.evaluation.measurement import NotLosslessError, WorkerCrash, WorkingClip, lay_out, measure


@pytest.fixture
def run(tmp_path: Path, working_clips: list[WorkingClip]):
    """Return a function that measures a codec on two clips."""
    folder = tmp_path / "work"
    folder.mkdir()

    def measure_it(codec: FileCodec, advance=lambda samples: None):
        return measure(Entry("fake", "tests", None, codec), working_clips, folder, advance)

    return measure_it


def test_counts_files_and_tells_progress(run, fakes: ModuleType) -> None:
    told: list[int] = []
    measurement = run(fakes.Raw(head=10), told.append)
    assert [(clip.name, clip.samples, clip.bytes) for clip in measurement.clips] == [
        ("clip0", 3000, 6010),
        ("clip1", 500, 1010),
    ]
    assert [file.stat().st_size for file in measurement.files] == [6010, 1010]
    assert told == [3000, 500, 3000, 500]
    assert 10 < measurement.peak_memory_mib < 150
    assert all(clip.encode_seconds >= 0 and clip.decode_wall_seconds > 0 for clip in measurement.clips)


def test_a_changed_sample_is_refused(run, fakes: ModuleType) -> None:
    with pytest.raises(
        NotLosslessError, match=r"fake \(tests\) is not lossless: decoding clip clip0 changed 1 of 3000 .* first at 5"
    ):
        run(fakes.Lossy())


def test_a_lost_sample_is_refused(run, fakes: ModuleType) -> None:
    with pytest.raises(NotLosslessError, match="3000 samples but 2999 after decoding"):
        run(fakes.Short())


def test_the_decoder_is_another_process(run, fakes: ModuleType) -> None:
    with pytest.raises(NotLosslessError, match="but 0 after decoding"):
        run(fakes.Remembering())


@pytest.mark.parametrize("step", ["encode", "decode"])
@pytest.mark.parametrize(("way", "message"), [("codec", "does not accept music"), ("format", "the file is damaged")])
def test_a_codecs_own_message_is_passed_on(run, fakes: ModuleType, step: str, way: str, message: str) -> None:
    with pytest.raises(CodecError, match=f"^(this codec )?{message}$") as caught:
        run(fakes.Failing(step=step, way=way))
    assert not isinstance(caught.value, WorkerCrash)


def test_a_bug_keeps_its_traceback(run, fakes: ModuleType) -> None:
    with pytest.raises(
        WorkerCrash, match=r"(?s)the decode process exited with status 1.*Traceback.*ZeroDivisionError: a bug"
    ):
        run(fakes.Failing(step="decode", way="bug"))


def test_a_crash_is_named(run, fakes: ModuleType) -> None:
    with pytest.raises(WorkerCrash, match="killed by SIGABRT"):
        run(fakes.Failing(step="encode", way="abort"))


@pytest.mark.parametrize("child", [False, True])
def test_time_is_cpu_time_without_the_first_call(run, fakes: ModuleType, child: bool) -> None:
    measurement = run(fakes.Costly(burn=0.15, child=child, first=1.0))
    for clip in measurement.clips:
        assert 0.15 <= clip.encode_seconds < 0.9
        assert clip.decode_seconds < 0.1


def test_memory_is_the_workers_own(run, fakes: ModuleType) -> None:
    ballast = np.ones(300 * 2**20, np.uint8)  # memory of this process, which must not count as the workers'
    small, large = run(fakes.Costly()), run(fakes.Costly(mib=250))
    assert small.peak_memory_mib < 200
    assert large.peak_memory_mib > small.peak_memory_mib + 200
    del ballast


def test_output_of_codecs_does_no_harm(run, fakes: ModuleType) -> None:
    assert len(run(fakes.Chatty()).clips) == 2


def test_clips_are_laid_out_as_they_are_read(audio_folder: Path, tmp_path: Path) -> None:
    from idf.datasets.dataset import open_dataset

    dataset = open_dataset(DataConfig(name="folder", root=str(audio_folder)))
    folder = tmp_path / "laid-out"
    folder.mkdir()
    clips = lay_out(dataset, dataset.clips, folder)
    assert sorted(clip.name for clip in clips) == ["c0", "c1", "c2", "c3", "c4", "deep/c 5"]
    for clip, source in zip(clips, dataset.clips, strict=True):
        expected = read_pcm16(source.path)
        assert np.array_equal(np.load(clip.pcm), expected.samples)
        assert np.array_equal(read_pcm16(clip.wav).samples, expected.samples)
        assert (clip.samples, clip.rate_hz) == (len(expected.samples), 8000)
