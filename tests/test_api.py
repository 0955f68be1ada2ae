from __future__ import annotations

import io
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import idf
from idf.container.index import read_index
from idf.errors import DataError, FormatError, OutputError, RunError
from tests.paths import TINY

pytestmark = pytest.mark.usefixtures("models")


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["int8", "int16", "int32", "float32"]), st.integers(1, 4), st.booleans())
def test_arrays_come_back_as_they_were(data: st.DataObject, kind: str, channels: int, is_plain: bool) -> None:
    length = data.draw(st.integers(0, 40))
    info = np.iinfo("int32" if kind == "float32" else kind)
    elements = st.integers(int(info.min), int(info.max))
    samples = data.draw(hnp.arrays(info.dtype, (length, channels), elements=elements))
    if kind == "int32" and is_plain:  # 24 bits
        samples &= ~np.int32(255)
    if kind == "float32":
        samples = samples.view(np.float32)
    if channels == 1 and is_plain:
        samples = samples[:, 0]
    decoded, rate_hz = idf.decompress(idf.compress(samples, 44100))
    assert decoded.tobytes() == samples.tobytes()
    assert (decoded.dtype, decoded.shape, rate_hz) == (samples.dtype, samples.shape, 44100)


@pytest.mark.parametrize(("subtype", "kind"), [("PCM_16", "int16"), ("PCM_24", "int32")])
def test_arrays_of_soundfile(tmp_path: Path, subtype: str, kind: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (500, 2)), 48000, subtype=subtype)
    samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype=kind)
    data = idf.compress(samples, rate_hz)
    assert data == idf.compress(samples, np.int64(rate_hz))  # type: ignore[arg-type]
    decoded, _ = idf.decompress(data)
    np.testing.assert_array_equal(decoded, samples)


def test_blocks_of_a_length(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-300, 300, 3000).astype(np.int16)
    data = idf.compress(samples, 8000, block_seconds=0.1)
    assert read_index(io.BytesIO(data)).header.chunk_samples == 800
    np.testing.assert_array_equal(idf.decompress(data)[0], samples)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    size = idf.compress_file(tmp_path / "a.wav", tmp_path / "a.idf", block_seconds=0.1)
    with open(tmp_path / "a.wav", "rb") as wav:
        idf.compress_stream(wav, packed := io.BytesIO(), block_seconds=0.1)
    assert size.compressed_bytes == len(packed.getvalue()) + len("a.wav") + 1
    assert read_index(io.BytesIO(idf.compress(tmp_path / "a.wav", block_seconds=0.1))).header.chunk_samples == 800
    for seconds in (0, -1, float("nan"), 0.09, 1e9):
        with pytest.raises(DataError, match=r"choose 0\.1 to"):
            idf.compress(samples, 8000, block_seconds=seconds)
    with pytest.raises(DataError, match="omit the block length"):
        idf.compress(samples, 2**32 - 1, block_seconds=0.1)


def test_several_jobs_make_the_same_bytes() -> None:
    samples = np.random.default_rng(0).integers(-300, 300, 140_000).astype(np.int16)
    data = idf.compress(samples, 8000, jobs=2)
    assert data == idf.compress(samples, 8000)
    np.testing.assert_array_equal(idf.decompress(data, jobs=2)[0], samples)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "message"),
    [
        (np.zeros(5), 8000, 'samples are float64; pass float32 .* dtype="float32"'),
        (np.zeros(5, np.float16), 8000, "samples are float16"),
        (np.zeros(5, np.uint8), 8000, "unsigned 8-bit"),
        (np.zeros(5, np.int64), 8000, "pass int16"),
        (np.zeros((5, 9), np.int16), 8000, "up to 8 channels"),
        (np.zeros((5, 0), np.int16), 8000, "up to 8 channels"),
        (np.int16(3), 8000, "shape"),
        (np.zeros(5, np.int16), 0, "rate_hz is 0"),
        (np.zeros(5, np.int16), 44100.5, "rate_hz is 44100.5"),
    ],
)
def test_what_cannot_be_compressed_is_told_what_to_do(samples: np.ndarray, rate_hz: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        idf.compress(samples, rate_hz)


@pytest.fixture
def stereo() -> np.ndarray:
    return np.random.default_rng(0).integers(-900, 900, (200_000, 2)).astype(np.int16)


def test_parts(stereo: np.ndarray) -> None:
    file = io.BytesIO(idf.compress(stereo, 8000))
    with idf.open(file) as reader:
        assert (len(reader), reader.samples, reader.channels) == (200_000, 200_000, 2)
        assert (reader.rate_hz, reader.sample_bits) == (8000, 16)
        for start, stop in ((0, 5), (65_530, 65_540), (199_999, 200_000), (7, 7)):
            np.testing.assert_array_equal(reader.read(start, stop), stereo[start:stop])
        with pytest.raises(ValueError, match="the file has 200000"):
            reader.read(0, 200_001)
    assert file.closed


INDICES = [
    *(np.s_[0], np.s_[-1], np.s_[np.int64(70_000)], np.s_[-10:], np.s_[10:5], np.s_[10:5:-1], np.s_[::-1]),
    *(np.s_[::70_001], np.s_[-1::-70_001], np.s_[...], np.s_[5:9, 0], np.s_[3, 1], np.s_[..., 1], np.s_[:]),
    *(np.s_[5:8, ::-1], np.s_[300_000:], np.s_[..., 2:4, :]),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indices_are_those_of_arrays(stereo: np.ndarray, index: Any) -> None:
    with idf.open(io.BytesIO(idf.compress(stereo, 8000))) as reader:
        np.testing.assert_array_equal(reader[index], stereo[index])


def test_other_indices_are_refused(stereo: np.ndarray) -> None:
    with idf.open(io.BytesIO(idf.compress(stereo[:9, 0], 8000))) as reader:
        for index in ("1", 1.0, None, [1, 2], np.array([1]), True, ()):
            with pytest.raises(TypeError, match="integers, slices"):
                reader[index]
        for index in (9, -10, (3, 0), (slice(2), 1)):
            with pytest.raises(IndexError):
                reader[index]
        assert [int(sample) for sample in reader] == stereo[:9, 0].tolist()
        np.testing.assert_array_equal(np.asarray(reader), stereo[:9, 0])


def test_a_closed_reader_serves_nothing(stereo: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.idf").write_bytes(idf.compress(stereo, 8000))
    for file in (tmp_path / "a.idf", io.BytesIO((tmp_path / "a.idf").read_bytes())):
        reader = idf.open(file)
        reader.read(0, 5)
        reader.close()
        with pytest.raises(ValueError, match="the reader is closed"):
            reader.read(0, 5)
        with pytest.raises(ValueError, match="the reader is closed"):
            reader[...]
        with pytest.raises(TypeError, match="only open readers"):
            pickle.dumps(reader)


@pytest.mark.parametrize("kind", ["path", "file", "memory"])
def test_readers_in_threads(stereo: np.ndarray, tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.idf").write_bytes(idf.compress(stereo, 8000))
    path = tmp_path / "a.idf"
    source: Any = {
        "path": lambda: path,
        "file": lambda: path.open("rb"),
        "memory": lambda: io.BytesIO(path.read_bytes()),
    }[kind]()
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 199_000, 80)
    with idf.open(source) as reader, ThreadPoolExecutor(8) as pool:
        for start, part in zip(starts, pool.map(lambda n: reader[n : n + 1000], starts), strict=True):
            np.testing.assert_array_equal(part, stereo[start : start + 1000])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_readers_after_forks(stereo: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.idf").write_bytes(idf.compress(stereo, 8000))
    with idf.open(tmp_path / "a.idf") as reader:
        children = []
        for child in range(4):
            if not (pid := os.fork()):
                rng = np.random.default_rng(child)
                good = all(np.array_equal(reader[n : n + 9], stereo[n : n + 9]) for n in rng.integers(0, 199_000, 60))
                os._exit(0 if good else 1)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4


def test_readers_travel(stereo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.idf").write_bytes(idf.compress(stereo, 8000))
    monkeypatch.chdir(tmp_path)
    with idf.open("a.idf") as by_path, idf.open(io.BytesIO((tmp_path / "a.idf").read_bytes())) as in_memory:
        monkeypatch.chdir("/")
        for reader in (by_path, in_memory):
            with pickle.loads(pickle.dumps(reader)) as other:
                np.testing.assert_array_equal(other[100:120], stereo[100:120])
        packed = pickle.dumps(by_path)
    (tmp_path / "a.idf").write_bytes(idf.compress(stereo[:50], 8000))
    with pytest.raises(FormatError, match=r"a\.idf was replaced by another file"):
        pickle.loads(packed)
    with (tmp_path / "a.idf").open("rb") as file, pytest.raises(TypeError, match="only open readers of a path"):
        pickle.dumps(idf.open(file))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".caf", ".w64"])
def test_files_where_arrays_may_stand(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.arange(500, dtype=np.int16), 8000)
    idf.compress_file(path, tmp_path / "a.idf")
    with idf.open(tmp_path / "a.idf") as reader:
        np.testing.assert_array_equal(reader[100:200], np.arange(100, 200))
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        samples, rate_hz = idf.decompress(idf.compress(source))
        np.testing.assert_array_equal(samples, np.arange(500))
        assert rate_hz == 8000
    for packed in (tmp_path / "a.idf", str(tmp_path / "a.idf"), io.BytesIO((tmp_path / "a.idf").read_bytes())):
        np.testing.assert_array_equal(idf.decompress(packed)[0], np.arange(500))
    with pytest.raises(DataError, match="omit it for a file"):
        idf.compress(path, 8000)
    with pytest.raises(DataError, match="no such file"):
        idf.compress(tmp_path / "none.wav")
    with pytest.raises(DataError, match="rate_hz is None"):
        idf.compress(np.zeros(5, np.int16))


def test_files_and_paths_together(tmp_path: Path) -> None:
    wav = tmp_path / "a.wav"
    soundfile.write(wav, np.arange(500, dtype=np.int16), 8000)
    memory, back = io.BytesIO(), io.BytesIO()
    with wav.open("rb") as file:
        assert idf.compress_file(file, tmp_path / "a.idf") == idf.compress_file(wav, memory)
    with pytest.raises(OutputError, match="exists"):
        idf.compress_file(io.BytesIO(wav.read_bytes()), tmp_path / "a.idf")
    assert idf.decompress_file(tmp_path / "a.idf", back).samples == 500
    assert back.getvalue() == wav.read_bytes()
    memory.seek(0)
    idf.decompress_file(memory, tmp_path / "b.wav")
    assert (tmp_path / "b.wav").read_bytes() == wav.read_bytes()
    for kind in ("aiff", "caf", "w64", "flac"):
        memory.seek(0)
        idf.decompress_file(memory, tmp_path / f"b.{kind}")
        assert soundfile.info(tmp_path / f"b.{kind}").format == kind.upper()
    memory.seek(0)
    with pytest.raises(OutputError, match=r"cannot write \.mp3 files"):
        idf.decompress_file(memory, tmp_path / "b.mp3")
    for source in (wav, io.BytesIO(wav.read_bytes())):
        with pytest.raises(OutputError, match=r"c\.wav: \.wav is a suffix of audio files"):
            idf.compress_file(source, tmp_path / "c.wav")


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "a.idf").write_bytes(idf.compress(np.arange(9, dtype=np.int16), 8000))
    with idf.open(tmp_path / "a.idf") as reader:
        np.testing.assert_array_equal(reader.read(3, 6), [3, 4, 5])
    with pytest.raises(DataError, match="no such file"):
        idf.open(tmp_path / "b.idf")
    (tmp_path / "bad.idf").write_text("nothing of ours")
    with pytest.raises(FormatError, match=r"bad\.idf: this is not an idf file"):
        idf.open(str(tmp_path / "bad.idf"))


def test_open_files(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.arange(500, dtype=np.int16), 8000)
    packed, back = io.BytesIO(), io.BytesIO()
    with open(tmp_path / "a.wav", "rb") as file:
        size = idf.compress_stream(file, packed)
    assert (size.samples, size.compressed_bytes) == (500, len(packed.getvalue()))
    packed.seek(0)
    idf.decompress_stream(packed, back)
    assert back.getvalue() == (tmp_path / "a.wav").read_bytes()
    np.testing.assert_array_equal(idf.decompress(packed.getvalue())[0], np.arange(500))


def test_files_by_path(tmp_path: Path) -> None:
    wav, packed = tmp_path / "a.wav", str(tmp_path / "a.idf")
    soundfile.write(wav, np.arange(500, dtype=np.int16), 8000)
    size = idf.compress_file(wav, packed)
    assert (size.samples, size.compressed_bytes) == (500, Path(packed).stat().st_size)
    with pytest.raises(OutputError, match="exists"):
        idf.compress_file(wav, packed)
    assert idf.compress_file(str(wav), packed, existing="replace", jobs=2) == size
    assert idf.decompress_file(packed, tmp_path / "back.wav") == size
    assert (tmp_path / "back.wav").read_bytes() == wav.read_bytes()
    idf.decompress_file(packed, tmp_path / "back.flac")
    np.testing.assert_array_equal(soundfile.read(tmp_path / "back.flac", dtype="int16")[0], np.arange(500))
    with pytest.raises(OutputError, match="exists"):
        idf.decompress_file(packed, tmp_path / "back.wav")
    idf.decompress_file(packed, tmp_path / "back.wav", existing="replace")


def test_unknown_choices_replace_nothing(tmp_path: Path) -> None:
    wav, packed = tmp_path / "a.wav", tmp_path / "a.idf"
    soundfile.write(wav, np.arange(500, dtype=np.int16), 8000)
    packed.write_bytes(b"precious")
    for about, found in ({"existing": "overwrite"}, "existing="), ({"existing": "replace", "jobs": 0}, "jobs=0"):
        with pytest.raises(DataError, match=found):
            idf.compress_file(wav, packed, **about)
    assert packed.read_bytes() == b"precious"


def test_a_reader_of_bytes() -> None:
    with idf.open(idf.compress(np.arange(500, dtype=np.int16), 8000)) as reader:
        assert reader[499] == 499


def test_salvage() -> None:
    samples = np.random.default_rng(0).integers(-900, 900, 150_000).astype(np.int16)
    data = bytearray(idf.compress(samples, 8000))
    data[len(data) // 2] ^= 1
    with pytest.raises(FormatError, match="65536 to 131071"):
        idf.decompress(bytes(data))
    saved, rate_hz, loss = idf.salvage(bytes(data))
    assert (rate_hz, loss.ranges) == (8000, ((65_536, 131_072),))
    samples[65_536:131_072] = 0
    np.testing.assert_array_equal(saved, samples)
    assert saved.dtype == np.int16


def test_models_by_name_path_and_fingerprint(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.arange(100, dtype=np.int16)
    data = idf.compress(samples, 8000)
    assert data == idf.compress(samples, 8000, model="default") == idf.compress(samples, 8000, model=TINY)
    shutil.move(models / "default.idfm", models / "other.idfm")
    np.testing.assert_array_equal(idf.decompress(data)[0], samples)
    with pytest.raises(RunError, match=r"there is no model default; .* one of: other"):
        idf.compress(samples, 8000)
    monkeypatch.setenv("IDF_MODEL", "other")
    assert idf.compress(samples, 8000) == data
    (models / "other.idfm").unlink()
    with pytest.raises(RunError, match=r"this needs model [0-9a-f]{16}, which is not installed; .* --model FILE"):
        idf.decompress(data)
    np.testing.assert_array_equal(idf.decompress(data, model=str(TINY))[0], samples)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        idf.frobnicate  # noqa: B018
    assert {"compress", "decompress", "open", "salvage"} <= set(dir(idf))
