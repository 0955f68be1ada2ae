"""Every module, class and function that is mentioned in docstrings, comments and documentation exists."""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("idf", "experiments", "benchmarks", "tools")
FOLDERS = (*PACKAGES, "fuzz", "docs", "tests", "conf", ".ci", ".github")
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml"}
OPTIONAL = ("craystack", "submitit", "optuna", "ray")
"""Optional dependencies. If one is missing, names of modules that need it are not checked."""

DOTTED = re.compile(r"(?<![\w./@-])(?:idf|experiments|benchmarks)(?:\.[A-Za-z_]\w*)+")
ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|exc):`~?([\w.]+)`")
FILE = re.compile(r"(?<![\w./-])(?:idf|experiments|benchmarks|tools|fuzz|tests|docs|conf)/[\w./-]*\w")
MADE_LATER = ("idf/conf", "fuzz/found", "fuzz/corpus/TARGET")
"""Files made by a build or a run."""
NOT_NAMES = re.compile(r".*\.(?:[A-Z]+|git|idf|md|yaml|conf|frobnicate)$")
"""File names and placeholders that look like dotted names, and one that a test invents."""


def texts() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.suffix in SUFFIXES]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    # the changelog also mentions what no longer exists
    return sorted(path for path in found if path.name not in (Path(__file__).name, "CHANGELOG.md"))


def names_in(path: Path) -> set[str]:
    """Return the dotted names in a text. Roles in a module may omit the module's own name."""
    text = path.read_text(encoding="utf-8")
    names = {name for name in DOTTED.findall(text) if not NOT_NAMES.match(name)}
    if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        own = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name in ROLE.findall(text):
            if not name.startswith(PACKAGES) and "." not in name:
                names.add(f"{own}:{name}")
    return names


@functools.cache
def exists(name: str) -> bool:
    """Return whether a dotted name can be imported or found in a module; ``module:name`` also in a class of it."""
    own, _, short = name.partition(":")
    if short:
        module = _module(own)
        if module is None:
            return True
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        return hasattr(module, short) or hasattr(builtins, short) or any(_has(holder, short) for holder in classes)
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            if importlib.util.find_spec(".".join(parts[:count])) is None:
                continue
        except ModuleNotFoundError:
            continue
        holder: object = _module(".".join(parts[:count]))
        if holder is None:
            return True
        for part in parts[count:]:
            if not _has(holder, part):
                return False
            holder = getattr(holder, part, None)
        return True
    return False


def _has(holder: object, name: str) -> bool:
    """Return whether an object has or declares an attribute."""
    return (
        hasattr(holder, name)
        or name in getattr(holder, "__annotations__", {})
        or (isinstance(holder, type) and re.search(rf"^\s+{name}:|self\.{name}\b", _source(holder), re.M) is not None)
    )


def _source(holder: type) -> str:
    try:
        return inspect.getsource(holder)
    except (OSError, TypeError):
        return ""


@functools.cache
def _module(name: str) -> object | None:
    """Return the module, or None if it needs an optional dependency that is not installed."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        if any(word in str(error) for word in OPTIONAL):
            return None
        raise


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_in_prose_exist(path: Path) -> None:
    assert sorted(name for name in names_in(path) if not exists(name)) == []


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_prose_names_exist(path: Path) -> None:
    if path.is_relative_to(ROOT / "tests"):
        return
    named = {name for name in FILE.findall(path.read_text(encoding="utf-8")) if not name.startswith(MADE_LATER)}
    assert sorted(name for name in named if "NAME" not in name and not (ROOT / name).exists()) == []


def test_tests_that_documentation_names_exist() -> None:
    present = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        assert set(re.findall(r"\btest_\w+\.py", path.read_text(encoding="utf-8"))) - present == set(), path


@pytest.mark.parametrize(
    "name",
    [
        *(
            "idf",
            "idf.audio.pcm",
            "idf.audio.pcm.Pcm",
            "idf.audio.pcm.Pcm.samples",
            "idf.container.records.Header.seed",
        ),
        *("idf.audio.pcm:probe_pcm16", "idf.audio.pcm:rate_hz", "idf.audio.pcm:ValueError"),
        "idf.container.stream.Decoder.digest",
    ],
)
def test_what_exists_is_found(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize(
    "name", ["idf.coding.files", "idf.audio.pcm.Pcm.bits", "idf.audio.pcm.stereo", "idf.audio.pcm:stereo"]
)
def test_what_does_not_exist_is_noticed(name: str) -> None:
    assert not exists(name)
