"""The tool that rebuilds the demo speech writes the same samples or nothing."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from idf.audio.pcm import read_pcm16, write_wav16
from idf.datasets.demo import demo_folder, read_demo_manifest
from idf.errors import DataError
from tests.paths import ROOT

TOOL = ROOT / "tools" / "build_demo_data.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_demo_data", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings in the folders of the Debian package."""
    root = tmp_path_factory.mktemp("extracted")
    voice = root / "usr" / "share" / "asterisk" / "sounds" / "en_US_f_Allison"
    voice.mkdir(parents=True)
    for clip in read_demo_manifest().clips:
        pcm = read_pcm16(demo_folder() / f"{clip.name}.flac")
        write_wav16(voice / f"{clip.name}.wav", pcm.samples, pcm.rate_hz)
    return root


def package_of(extracted: Path, path: Path) -> Path:
    """Write a Debian package: an ``ar`` archive of debian-binary, control.tar.xz and data.tar.xz."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:xz", preset=0) as archive:
        archive.add(extracted, arcname=".")
    with open(path, "wb") as file:
        file.write(b"!<arch>\n")
        for name, data in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", body.getvalue())):
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data)
            file.write(b"\n" * (len(data) % 2))
    return path


@pytest.mark.parametrize("kind", ["folder", "package"])
def test_rebuilds_the_folder(
    tool: ModuleType, extracted: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(demo_folder() / "manifest.json", tmp_path)
    source = extracted if kind == "folder" else package_of(extracted, tmp_path / "x.deb")
    monkeypatch.setattr(sys, "argv", ["build", f"--{kind}", str(source), "--target", str(tmp_path)])
    assert tool.main() == 0
    assert read_demo_manifest(tmp_path) == read_demo_manifest()
    for clip in read_demo_manifest().clips:
        assert len(read_pcm16(tmp_path / f"{clip.name}.flac").samples) == clip.samples


def test_other_samples_are_refused_and_nothing_is_written(tool: ModuleType, extracted: Path, tmp_path: Path) -> None:
    manifest = json.loads((demo_folder() / "manifest.json").read_text(encoding="utf-8"))
    manifest["clips"][3]["sha256"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(DataError, match=f"{manifest['clips'][3]['name']} differ; nothing was written"):
        tool.build(dict(tool.read_folder(extracted)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_sources_that_are_not_packages(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "x.deb").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a Debian package"):
        list(tool.read_package(tmp_path / "x.deb"))
    with pytest.raises(DataError, match="cannot be read"):
        list(tool.read_package(tmp_path / "y.deb"))
    with pytest.raises(DataError, match="no en_US_f_Allison"):
        list(tool.read_folder(tmp_path))
    with pytest.raises(DataError, match=r"lacks en_US_f_Allison/agent-alreadyon\.wav"):
        tool.build({}, tmp_path)
