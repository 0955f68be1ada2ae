"""AIFF, CAF and W64 with the command: restored byte for byte, or written from files of other kinds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.audio.test_chunks import ODD, REFUSED, aiff, chunk, comm, ssnd

Idf = Callable[..., Any]
KINDS = {"aiff": "AIFF", "caf": "CAF", "w64": "W64", "wav": "WAV", "flac": "FLAC"}
SAMPLES = np.stack([np.rint(3000 * np.sin(np.arange(2001) / 9)), np.arange(2001) - 900], axis=1).astype(np.int16)


def made(path: Path, subtype: str = "PCM_16", **more: Any) -> bytes:
    soundfile.write(path, SAMPLES, 8000, subtype=subtype, format=KINDS[path.suffix[1:].lower()], **more)
    return path.read_bytes()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["x.aiff", "U.AIF", "x.aifc", "y.CAF", "z.w64"])
def test_files_come_back_to_the_byte(idf: Idf, tmp_path: Path, name: str, jobs: int) -> None:
    content = made(tmp_path / f"x.{'aiff' if 'AI' in name.upper() else Path(name).suffix[1:].lower()}")
    (tmp_path / "x").mkdir()
    path = tmp_path / "x" / name
    path.write_bytes(content + b"odd")
    assert idf("-q", "-j", jobs, path).status == 0
    packed = path.with_suffix(".idf")
    assert packed.stat().st_size < 0.85 * len(content)
    path.unlink()
    assert idf("verify", packed).out == f"{packed}: OK\n".encode()
    done = idf("decompress", "-j", jobs, packed)
    assert (done.status, "cannot hold" in done.err) == (0, False)
    assert path.read_bytes() == content + b"odd"
    kind = KINDS["aiff" if "AI" in name.upper() else path.suffix[1:].lower()]
    facts = json.loads(idf("info", "--json", packed).out)
    assert (facts["original"], facts["name"], facts["samples"]) == (kind.lower(), name, 2001)
    assert f"{name} ({kind}, header stored)" in idf("info", packed).out.decode()


@pytest.mark.parametrize("name", ODD)
def test_odd_files_come_back_through_pipes(idf: Idf, name: str) -> None:
    packed = idf("compress", "-", stdin=ODD[name])
    assert packed.status == 0, packed.err
    assert idf("decompress", "-", stdin=packed.out).out == ODD[name]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_what_is_refused_is_one_line(idf: Idf, tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.aiff"
    path.write_bytes(data)
    done = idf("compress", path)
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert "bad.aiff: " in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["bad.aiff"]


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(KINDS, 2)))
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("way", ["file", "pipe"])
def test_a_name_gets_a_file_of_its_kind(idf: Idf, tmp_path: Path, old: str, new: str, subtype: str, way: str) -> None:
    made(tmp_path / f"x.{old}", subtype)
    idf("-q", tmp_path / f"x.{old}")
    packed, target = tmp_path / "x.idf", tmp_path / f"y.{new.upper()}"
    source, data = ("-", packed.read_bytes()) if way == "pipe" else (packed, b"")
    done = idf("decompress", source, "-o", target, stdin=data)
    assert done.status == 0, done.err
    about = soundfile.info(str(target))
    assert (about.format, about.subtype, about.samplerate, about.frames) == (KINDS[new], subtype, 8000, 2001)
    np.testing.assert_array_equal(soundfile.read(target, dtype="int16")[0], SAMPLES)
    assert ("cannot hold the FLAC file's metadata; restore it as .flac" in done.err) == (old == "flac")


@pytest.mark.parametrize("bits", [8, 32, "float"])
@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(["aiff", "caf", "w64", "wav"], 2)))
def test_8_and_32_bits_and_floats(idf: Idf, tmp_path: Path, old: str, new: str, bits: int | str) -> None:
    subtype = {8: "PCM_S8" if old in ("aiff", "caf") else "PCM_U8", 32: "PCM_32", "float": "FLOAT"}[bits]
    noise = np.random.default_rng(0).normal(0, 0.2, (400, 2)).clip(-1, 1)
    soundfile.write(tmp_path / f"x.{old}", noise, 8000, subtype=subtype, format=KINDS[old])
    assert idf("-q", tmp_path / f"x.{old}").status == 0
    assert idf("decompress", tmp_path / "x.idf", "-o", tmp_path / f"y.{new}").status == 0
    expected, _ = soundfile.read(tmp_path / f"x.{old}")
    found, _ = soundfile.read(tmp_path / f"y.{new}")
    np.testing.assert_array_equal(found, expected)
    assert soundfile.info(str(tmp_path / f"y.{new}")).format == KINDS[new]


def test_an_unknown_length_is_known_at_the_end(idf: Idf, tmp_path: Path) -> None:
    """A WAV file written to a pipe, restored as kinds of files that state their length."""
    data = made(tmp_path / "x.wav")
    (tmp_path / "x.wav").write_bytes(data[:40] + b"\xff\xff\xff\xff" + data[44:])
    idf("-q", tmp_path / "x.wav")
    for suffix in ("aiff", "caf", "w64"):
        assert idf("-dq", tmp_path / "x.idf", "-o", tmp_path / f"y.{suffix}").status == 0
        assert soundfile.info(str(tmp_path / f"y.{suffix}")).frames == 2001


def test_what_other_kinds_leave_out_is_said(idf: Idf, tmp_path: Path) -> None:
    (tmp_path / "x.aiff").write_bytes(aiff(chunk(b"NAME", b"x"), comm(), ssnd(), chunk(b"ANNO", b"hello")))
    idf("-q", tmp_path / "x.aiff")
    for name, kind in (("y.wav", "WAV"), ("y.flac", "FLAC"), ("y.caf", "CAF")):
        done = idf("decompress", tmp_path / "x.idf", "-o", tmp_path / name)
        assert f"{kind} cannot hold the AIFF file's other bytes (NAME, ANNO); restore it as .aiff" in done.err
    (tmp_path / "p.aiff").write_bytes(aiff(comm(), ssnd()))
    idf("-q", tmp_path / "p.aiff")
    assert idf("decompress", "-q", tmp_path / "p.idf", "-o", tmp_path / "p.wav").err == ""


def test_folders_and_the_names_of_what_they_hold(idf: Idf, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    contents = {name: made(tree / name) for name in ("a.aiff", "b.caf", "c.w64", "d.wav", "e.flac")}
    contents["f.aif"] = contents["a.aiff"]
    (tree / "f.aif").write_bytes(contents["f.aif"])
    done = idf("compress", "--json", tree, "-o", tmp_path / "packed")
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 6
    assert idf("decompress", "-q", tmp_path / "packed", "-o", tmp_path / "back").status == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir()} == contents


def test_a_wrong_name_is_put_right(idf: Idf, tmp_path: Path) -> None:
    content = made(tmp_path / "x.aiff")
    (tmp_path / "x.aiff").rename(tmp_path / "x.wav")
    idf("-q", tmp_path / "x.wav")
    assert idf("decompress", "-q", tmp_path / "x.idf").status == 0
    assert (tmp_path / "x.aiff").read_bytes() == content


def test_salvage_of_other_kinds_is_wav(idf: Idf, tmp_path: Path) -> None:
    made(tmp_path / "x.caf")
    idf("-q", tmp_path / "x.caf")
    done = idf("decompress", "--salvage", tmp_path / "x.idf")
    assert (done.status, "salvaged as WAV, without the CAF file's" in done.err) == (0, True)
    found, _ = soundfile.read(tmp_path / "x.wav", dtype="int16")
    np.testing.assert_array_equal(found, SAMPLES)
