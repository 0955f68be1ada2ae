"""FLAC files are restored: metadata always, frames if the installed encoder makes them again."""

from __future__ import annotations

import errno
import io
import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.audio.flac import LEVELS, HeldErrors, Kept, write_flac
from idf.audio.flac_reading import flac_start, metadata_blocks, read_metadata
from idf.audio.format import AudioFormat
from idf.audio.sources import FlacSource
from idf.container.files import compress_file, decompress_file
from idf.errors import DataError, OutputError
from tests.signals import speech

STEREO = AudioFormat(44100, 2, 16)


def two(samples: int) -> np.ndarray:
    return np.stack([speech(samples), speech(samples, seed=1) // 2], axis=1)


def encoded(samples: np.ndarray, level: int = 5, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    shifted = samples.astype(np.int16) if subtype == "PCM_16" else samples.astype(np.int32) << 8
    with soundfile.SoundFile(file, "w", 44100, 2, subtype, format="FLAC", compression_level=level / 8) as sound:
        sound.write(shifted)
    return file.getvalue()


def with_blocks(data: bytes, *blocks: tuple[int, bytes], front: bytes = b"", behind: bytes = b"") -> bytes:
    """Return a FLAC file with other metadata blocks after its STREAMINFO."""
    listed = [(0, data[8:42]), *blocks]
    metadata = b"".join(
        bytes([kind | 128 * (n == len(listed) - 1)]) + len(body).to_bytes(3, "big") + body
        for n, (kind, body) in enumerate(listed)
    )
    return front + b"fLaC" + metadata + data[len(read_metadata(io.BytesIO(data), "")) :] + behind


def there_and_back(codec: Any, folder: Path, data: bytes) -> tuple[bytes, str, str]:
    (folder / "in.flac").write_bytes(data)
    packed = compress_file(codec, folder / "in.flac", folder / "a.idf", existing="replace")
    restored = decompress_file(codec, folder / "a.idf", folder / "out.flac", existing="replace")
    return (folder / "out.flac").read_bytes(), packed.note, restored.note


TAGS = (4, b"\x04\0\0\0test\x01\0\0\0\x0d\0\0\0ARTIST=nobody")
METADATA = {
    "tags": (TAGS,),
    "a picture of several blocks": (TAGS, (6, np.random.default_rng(0).bytes(1_500_000))),
    "application and padding": ((2, b"testdata"), TAGS, (1, bytes(8192))),
    "cue sheet": ((5, bytes(396)),),
    "seek table": ((3, struct.pack(">QQHQQH", 0, 0, 4096, 4096, 9000, 4096) + b"\xff" * 8 + bytes(10)), TAGS),
    "reserved": ((100, b"unknown"),),
    "none": (),
}


@pytest.mark.parametrize("level", sorted(LEVELS))
@pytest.mark.parametrize("samples", [1, 4096, 36_864, 50_000, 70_001])
def test_files_of_every_level_come_back_to_the_byte(static: Any, tmp_path: Path, level: int, samples: int) -> None:
    data = encoded(two(samples), level)
    assert there_and_back(static, tmp_path, data) == (data, "", "")


@pytest.mark.parametrize("blocks", METADATA.values(), ids=METADATA.keys())
@pytest.mark.parametrize("around", [(b"", b""), (b"ID3\4\0\0\0\0\1\0" + bytes(128), b"TAG" + bytes(125))])
def test_metadata_comes_back_to_the_byte(static: Any, tmp_path: Path, blocks: Any, around: tuple[bytes, bytes]) -> None:
    data = with_blocks(encoded(two(9000)), *blocks, front=around[0], behind=around[1])
    assert there_and_back(static, tmp_path, data) == (data, "", "")


@pytest.mark.parametrize("level", [0, 5])
@pytest.mark.parametrize("samples", [0, 1, 4096, 9000])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125)])
def test_files_of_unknown_length(static: Any, tmp_path: Path, level: int, samples: int, behind: bytes) -> None:
    data = bytearray(with_blocks(encoded(two(samples or 10), level), TAGS, behind=behind))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    if not samples:
        data[len(read_metadata(io.BytesIO(data), "")) :] = behind
        data[26:42] = bytes(16)
    assert there_and_back(static, tmp_path, bytes(data)) == (data, "", "")
    source = FlacSource(io.BytesIO(data), "x.flac")
    assert (source.announced, sum(map(len, source.blocks(1000)))) == (samples, samples)
    if samples == 9000 and not behind:
        with pytest.raises(DataError, match="the last frame of the FLAC file is truncated"):
            FlacSource(io.BytesIO(data[:-1]), "x.flac")


def test_24_bits_without_md5(static: Any, tmp_path: Path) -> None:
    data = bytearray(encoded(two(9000) * 200, subtype="PCM_24"))
    data[26:42] = bytes(16)
    assert there_and_back(static, tmp_path, bytes(data)) == (data, "", "")


def other_encoder(samples: np.ndarray, *blocks: tuple[int, bytes], **around: bytes) -> bytes:
    """Return a FLAC file whose frames no level of the installed encoder makes: blocks of 1,000 samples."""
    pyflac = pytest.importorskip("pyflac")
    parts: list[bytes] = []
    encoder = pyflac.StreamEncoder(44100, lambda data, *_: parts.append(data), compression_level=5, blocksize=1000)
    encoder.process(samples.astype(np.int16))
    encoder.finish()
    return with_blocks(b"".join(parts), *blocks, **around)


def test_other_encoders_files_come_back_with_metadata_and_samples(static: Any, tmp_path: Path) -> None:
    table = struct.pack(">QQHQQHQQH", 0, 0, 1000, 6000, 9000, 1000, 2**64 - 1, 0, 0)
    data = other_encoder(two(9000), (3, table), TAGS, front=b"ID3\4\0\0\0\0\0\5intro", behind=b"TAG" + bytes(125))
    back, packed, restored = there_and_back(static, tmp_path, data)
    assert "another encoder made it" in packed
    assert "is not identical" in restored
    assert back != data
    assert back.startswith(b"ID3\4\0\0\0\0\0\5introfLaC")
    assert back.endswith(b"TAG" + bytes(125))
    kinds = [kind for kind, *_ in metadata_blocks(back, flac_start(back))]
    assert kinds == [0, 3, 4]
    assert TAGS[1] in back
    samples, _ = soundfile.read(io.BytesIO(back), dtype="int16")
    np.testing.assert_array_equal(samples, two(9000))
    # the seek points are right for the new frames
    (_, place, _, _), frames = list(metadata_blocks(back, flac_start(back)))[1], read_metadata(io.BytesIO(back), "")
    first, second, last = (struct.unpack_from(">QQH", back, place + 18 * n) for n in range(3))
    assert (first, last[0]) == ((0, 0, 4096), 2**64 - 1)
    assert (second[0], second[2]) == (4096, 4096)
    assert back[len(frames) + second[1] :][:2] == back[len(frames) :][:2]  # a frame begins there


def test_a_file_that_another_library_restores_differently_keeps_what_matters(
    static: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_blocks(encoded(two(9000), 5), TAGS)
    (tmp_path / "in.flac").write_bytes(data)
    compress_file(static, tmp_path / "in.flac", tmp_path / "a.idf")
    unpack = Kept.unpack
    monkeypatch.setattr(Kept, "unpack", lambda head: unpack(bytes([0]) + head[1:]))  # as if level 5 were level 0
    restored = decompress_file(static, tmp_path / "a.idf", tmp_path / "out.flac")
    assert "is not identical" in restored.note
    samples, _ = soundfile.read(tmp_path / "out.flac", dtype="int16")
    np.testing.assert_array_equal(samples, two(9000))
    assert TAGS[1] in (tmp_path / "out.flac").read_bytes()


def test_files_without_samples(tmp_path: Path) -> None:
    file = io.BytesIO()
    assert write_flac(file, STEREO, []) == (0, False)
    sound = soundfile.SoundFile(io.BytesIO(file.getvalue()))
    assert (sound.samplerate, sound.channels, len(file.getvalue())) == (44100, 2, 42)


def test_what_flac_has_no_place_for() -> None:
    for audio_format in (AudioFormat(768_000, 1, 16), AudioFormat(8000, 1, 32), AudioFormat(8000, 1, 32, True)):
        with pytest.raises(OutputError, match=r"the FLAC encoder does not support this audio .* write a \.wav file"):
            write_flac(io.BytesIO(), audio_format, [np.zeros((5, 1), np.int32)])


def test_errors_in_callbacks_are_raised_where_they_belong(capfd: pytest.CaptureFixture[str]) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() > 1000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    with pytest.raises(OSError, match="No space left"):
        write_flac(Full(), STEREO, itertools.repeat(np.random.default_rng(0).integers(-9999, 9999, (9000, 2)), 20))
    held = HeldErrors(Full(bytes(2000)))
    held.seek(0, 2)
    assert held.write(b"more") == 4
    with pytest.raises(OSError, match="No space left"):
        held.check()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [5, 12, 30, 60, 300])
def test_metadata_that_is_cut_off(tmp_path: Path, size: int) -> None:
    for front in (b"", b"ID3\4\0\0\0\0\0\2ab"):
        data = with_blocks(encoded(two(100)), (2, bytes(400)), front=front)[: size + len(front)]
        with pytest.raises(DataError, match=r"x\.flac: "):
            FlacSource(io.BytesIO(data), "x.flac")
    with pytest.raises(DataError, match="no FLAC after the ID3 tag"):
        FlacSource(io.BytesIO(b"ID3\4\0\0\0\0\0\2ab\xff\xfb and so on, an MP3"), "x.mp3")


def test_kept_heads_are_checked() -> None:
    data = encoded(two(100))
    good = Kept(5, bytes(8), read_metadata(io.BytesIO(data), "")).pack()
    assert Kept.unpack(good).pack() == good
    for wrong in (b"", good[:20], good[:-1], good + b"x", b"\x09" + good[1:], good[:9] + b"fLaX" + good[13:]):
        with pytest.raises(DataError, match="stored FLAC metadata is damaged"):
            Kept.unpack(wrong)
