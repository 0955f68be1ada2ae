"""The codec alone, as ``pip install .`` installs it: built, installed in a fresh environment, and used offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

import idf
from idf.compiled import kept_in
from tests.paths import ROOT

MAX_MB = 400
CARRIED = ("CITATION.cff", "CHANGELOG.md")
"""In the source distribution, beside what is installed."""
_BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"


def run(command: list[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), text=True, capture_output=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the source distribution, which is built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for name in ("idf", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", *CARRIED):
        shutil.copy(ROOT / name, source)
    built = run([sys.executable, "-c", _BUILD, folder], cwd=source)
    assert built.returncode == 0, built.stderr
    sdist = folder / built.stdout.splitlines()[-1]
    assert sdist.name == f"idf-{idf.__version__}.tar.gz"
    with tarfile.open(sdist) as files:
        inside = {name.partition("/")[2] for name in files.getnames()}
    assert {"README.md", "LICENSE", "conf/config.yaml", *CARRIED} <= inside
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    built = run([*command, "--wheel-dir", folder, sdist])
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Python of a fresh environment with the wheel and its dependencies."""
    place = tmp_path_factory.mktemp("codec") / "venv"
    venv.create(place, symlinks=os.name != "nt")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pinned = wheel.with_name("pinned.txt")
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] not in " #-"]
    pinned.write_text("\n".join(line.removesuffix("\\").strip() for line in lines))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    done = run([*pip, "--retries", "1", "--timeout", "15", "--constraint", pinned, wheel])
    if done.returncode:
        assert "No matching distribution" in done.stderr or "onnection" in done.stderr, done.stderr
        pytest.skip("the codec's dependencies cannot be installed: no package index can be reached")
    yield python
    shutil.rmtree(place)


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.search(r"^## \[([\d.]+)\] – ([\d-]+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released
    assert idf.__version__ == project["version"] == citation["version"] == released[1]
    assert citation["date-released"] == released[2]
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}


def test_the_codec_alone(python: Path, tmp_path: Path) -> None:
    wav = tmp_path / "in.wav"
    soundfile.write(wav, (3000 * np.sin(np.arange(3000) / 9)).astype(np.int16), 8000)
    site = next(path for path in python.parents[1].rglob("site-packages"))
    size = sum(path.lstat().st_size for path in site.rglob("*") if path.is_file())
    assert size < MAX_MB * 1e6, f"{size / 1e6:.0f} MB"
    # a proxy that does not exist simulates being offline; no package of the checkout is on the path
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # use the compiled loops of this checkout: the sources are the same, and tests have compiled most of them
    variables |= {"IDF_CACHE": str(kept_in()), "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    command = [python, "-m", "idf"]
    done = run([*command, "--version"], cwd=tmp_path, env=variables)
    assert done.stdout == f"idf {idf.__version__}\n"
    for arguments in (["compress", wav, "-o", "a.idf"], ["decompress", "a.idf", "-o", "b.wav"], ["info", "a.idf"]):
        done = run([*command, *arguments], cwd=tmp_path, env=variables)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.wav").read_bytes() == wav.read_bytes()
    library = (
        "import idf, sys; x, r = idf.decompress(open('a.idf', 'rb').read()); print(len(x), r, 'numba' in sys.modules)"
    )
    done = run([python, "-c", library], cwd=tmp_path, env=variables)
    assert done.stdout.split()[2:] == ["False"], done.stderr  # the command has compiled loops and stored them for all


@pytest.mark.parametrize(
    "command", [["train.py"], ["evaluate.py"], ["-m", "experiments.status"], ["-m", "idf.evaluation.clip", "latents"]]
)
def test_what_needs_training_says_what_to_type(python: Path, command: list[str]) -> None:
    done = run([python, *command], cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "pip install '.[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_library_raises_an_error_of_its_own(python: Path, tmp_path: Path) -> None:
    program = "import idf.models.build, idf.models.load; import idf.training"
    done = run([python, "-c", program], cwd=tmp_path)
    assert "MissingPartError: training, evaluation and studies need av, hydra, " in done.stderr
