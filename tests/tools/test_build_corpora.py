from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import build_corpora
import numpy as np
import pytest
import soundfile
import yaml
from build_corpora import CORPORA, digest_of, read_corpora, search
from render_clips import LIST as RENDERED

from idf.errors import DataError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The content of a package: two clips of a voice, one that is too short, and one outside all sets."""
    folder = tmp_path / "source"
    (folder / "voice").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("voice/one", 1600), ("voice/two", 2400), ("voice/short", 100), ("other", 1600)):
        samples = rng.integers(-1000, 1000, count).astype(np.int16)
        soundfile.write(folder / f"{name}.wav", samples, 800, subtype="PCM_16")
    return folder


@pytest.fixture
def description(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list with one set that the source contains and one that it lacks."""
    path = tmp_path / "corpora.yaml"
    wanted = {"about": "a voice", "from": "pack", "files": ["voice/*.wav"], "minimum_seconds": 1.0}
    tree = {
        "sources": {name: {"kind": "Debian package", "version": "1"} for name in ("pack", "away")},
        "sets": {"train-voice": wanted, "held-out-away": {"about": "x", "from": "away", "files": ["away/*.wav"]}},
    }
    path.write_text(yaml.safe_dump(tree))
    corpora, _ = read_corpora(path)
    found = search([source], corpora.values())["train-voice"]
    wanted |= {"clips": len(found), "digest": digest_of(found)}
    path.write_text(yaml.safe_dump(tree))
    monkeypatch.setattr(build_corpora, "CORPORA", path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["build_corpora.py", *map(str, words)])
    return build_corpora.main()


@pytest.mark.usefixtures("description")
def test_writes_complete_sets_and_lists_the_others(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    assert run(monkeypatch, source, "--target", target) == 0
    written = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.wav"))
    assert written == ["train-voice/one.wav", "train-voice/two.wav"]
    assert (target / "train-voice" / "one.wav").read_bytes() == (source / "voice" / "one.wav").read_bytes()
    assert "not built: held-out-away (needs the Debian package away, version 1)" in capsys.readouterr().out
    assert run(monkeypatch, source, "--target", target, "--set", "held-out-away") == 1


@pytest.mark.usefixtures("description")
def test_other_samples_are_refused_and_nothing_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source / "voice" / "two.wav"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train-voice: 2 files with digest .* another version of pack"):
        run(monkeypatch, source, "--target", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.usefixtures("description")
def test_two_versions_of_a_file_are_refused(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "again" / "voice").mkdir(parents=True)
    soundfile.write(tmp_path / "again" / "voice" / "one.wav", np.ones(1600, np.int16), 800, subtype="PCM_16")
    with pytest.raises(DataError, match=r"train-voice: the sources have two different files one\.wav"):
        run(monkeypatch, source, tmp_path / "again", "--target", tmp_path / "target")


@pytest.mark.usefixtures("description")
def test_only_16_bits(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(source / "voice" / "one.wav", np.zeros(1600), 800, subtype="PCM_24")
    with pytest.raises(DataError, match=r"one\.wav: PCM_24; sets contain 16-bit"):
        run(monkeypatch, source, "--target", tmp_path / "target")


def test_the_committed_list() -> None:
    corpora, sources = read_corpora(CORPORA)
    with RENDERED.open(encoding="utf-8", newline="") as file:
        rendered = {row["source"] for row in csv.DictReader(file)}
    assert {corpus.source for corpus in corpora.values()} | rendered == set(sources)
    for name, corpus in corpora.items():
        assert re.match(r"(train|validation|held-out)-", name)
        assert corpus.clips > 0
        assert re.fullmatch(r"[0-9a-f]{64}", corpus.digest)


def test_no_file_is_both_trained_on_and_held_out() -> None:
    corpora, _ = read_corpora(CORPORA)
    held_out = [corpus for name, corpus in corpora.items() if name.startswith("held-out-")]
    for name, corpus in corpora.items():
        if not name.startswith("held-out-"):
            examples = [pattern.replace("*", "x") for other in held_out for pattern in other.files]
            assert not [path for path in examples if corpus.wants(path)], name
