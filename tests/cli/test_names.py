"""Names of restored files, the format that a name selects, and reports of what is not restored."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.audio.test_flac import TAGS, encoded, two, with_blocks

Idf = Callable[..., Any]


@pytest.mark.parametrize("name", ["U.WAV", "b.BwF", "no ending", "take 2.final", "ü\x07.wave", "F.FLAC", "x.flac"])
def test_names_come_back(idf: Idf, wav: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    content = encoded(two(3000)) if name.lower().endswith("flac") else wav.read_bytes()
    (folder / name).write_bytes(content)
    assert idf("-q", folder / name, "-o", f"{folder}/packed/").status == 0
    packed = next((folder / "packed").iterdir())
    assert idf("-dq", packed).status == 0
    assert (folder / "packed" / name).read_bytes() == content
    facts = json.loads(idf("info", "--json", packed).out)
    assert facts["name"] == name
    assert name.replace("\x07", "\\x07") in idf("info", packed).out.decode()


def test_renamed_files_keep_the_ending(idf: Idf, wav: Path, tmp_path: Path) -> None:
    shutil.move(wav, tmp_path / "U.WAV")
    idf("-q", tmp_path / "U.WAV")
    shutil.move(tmp_path / "U.idf", tmp_path / "better.idf")
    assert idf("-dq", tmp_path / "better.idf").status == 0
    assert (tmp_path / "better.WAV").exists()


def test_info_has_the_whole_digest(idf: Idf, wav: Path) -> None:
    import hashlib

    idf("-q", wav)
    digest = hashlib.sha256(wav.read_bytes()[44:]).hexdigest()
    assert json.loads(idf("info", "--json", wav.with_suffix(".idf")).out)["sha256_of_samples"] == digest
    assert digest in idf("info", wav.with_suffix(".idf")).out.decode()


@pytest.mark.parametrize("option", [["--salvage"], ["--blocks", "2"]])
@pytest.mark.parametrize("suffix", [".aiff", ".CAF", ".w64", ".flac", ".mp3"])
def test_wav_is_never_written_under_other_names(idf: Idf, wav: Path, suffix: str, option: list[str]) -> None:
    idf("-q", wav)
    done = idf("decompress", *option, wav.with_suffix(".idf"), "-o", wav.with_name(f"y{suffix}"))
    assert (done.status, "give a .wav" in done.err) == (1, True)
    assert not wav.with_name(f"y{suffix}").exists()


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".idf", "cannot write .idf files"),
        (".mp3", "give a file with one of the suffixes .wav, .flac, .aiff, .caf, .w64"),
        (".aifc", "give a .aiff file"),
    ],
)
def test_what_is_not_written_is_refused(idf: Idf, wav: Path, suffix: str, message: str) -> None:
    idf("-q", wav)
    for source, data in ((wav.with_suffix(".idf"), b""), ("-", wav.with_suffix(".idf").read_bytes())):
        done = idf("decompress", source, "-o", wav.with_name(f"y{suffix}"), stdin=data)
        assert (done.status, message in done.err, len(done.err.splitlines())) == (1, True, 1)
        assert not wav.with_name(f"y{suffix}").exists()


@pytest.mark.parametrize("name", ["y.wav", "y.AIFF", "y.flac", "y.mp3"])
def test_compressed_files_are_not_called_what_sound_is_called(idf: Idf, wav: Path, name: str) -> None:
    for source, data in ((wav, b""), ("-", wav.read_bytes())):
        done = idf("compress", source, "-o", wav.with_name(name), stdin=data)
        assert (done.status, len(done.err.splitlines())) == (2, 1)
        assert "is a suffix of audio files; give a .idf file" in done.err
        assert not wav.with_name(name).exists()


def test_flac_comes_back_to_the_byte_and_says_what_wav_leaves_out(idf: Idf, tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(with_blocks(encoded(two(9000)), TAGS, (3, struct.pack(">QQH", 0, 0, 4096))))
    content = path.read_bytes()
    packed = idf("compress", path)
    assert "another encoder" not in packed.err
    path.unlink()
    assert idf("decompress", tmp_path / "a.idf").status == 0
    assert path.read_bytes() == content
    done = idf("decompress", tmp_path / "a.idf", "-o", tmp_path / "a.wav")
    assert (done.status, "WAV cannot hold the FLAC file's metadata" in done.err) == (0, True)
    assert b"FLAC, metadata stored" in idf("info", tmp_path / "a.idf").out


def test_what_flac_leaves_out_of_wav_is_said(idf: Idf, wav: Path) -> None:
    data = wav.read_bytes()
    bext = b"bext" + struct.pack("<I", 602) + bytes(602)
    wav.write_bytes(data[:36] + bext + data[36:] + b"iXML" + struct.pack("<I", 4) + b"<a/>")
    idf("-q", wav)
    done = idf("decompress", wav.with_suffix(".idf"), "-o", wav.with_name("b.flac"))
    assert done.status == 0
    assert "FLAC cannot hold the WAV file's other bytes (bext, iXML); restore it as .wav" in done.err
    assert idf("-dq", wav.with_suffix(".idf"), "-o", wav.with_name("c.flac")).err == ""


def test_rates_beyond_the_encoder(idf: Idf, tmp_path: Path) -> None:
    path = tmp_path / "fast.wav"
    soundfile.write(path, np.arange(500, dtype=np.int16), 768_000)
    idf("-q", path)
    done = idf("decompress", tmp_path / "fast.idf", "-o", tmp_path / "x.flac")
    assert (done.status, "768000 Hz); write a .wav file" in done.err) == (1, True)
