"""Layering: a module imports only from its own layer and those below, and never in a circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT

LAYERS = (
    *(
        "errors",
        "installed",
        "config",
        "files",
        "text",
        "tables",
        "terminal",
        "arguments",
        "plotting",
        "page",
        "quiet_tensorflow",
        "compiled",
        "audio",
        "arithmetic",
        "nets",
        "flows",
        "priors",
        "coding",
    ),
    *(
        "workers",
        "container",
        "datasets",
        "models",
        "runs",
        "training",
        "evaluation",
        "samples",
        "reader",
        "api",
        "cli",
    ),
)
"""Layers of ``idf``, the lowest first."""
APART = [("flows", "priors"), ("container", "models"), ("container", "datasets")]
"""Layers that must not import each other in either direction."""
DISPATCHERS = {
    "idf.coding.coders": set(),
    "idf.models.build": set(),
    "idf.models.load": {"idf.models.registry"},
    "idf.training.families.load": {"idf.training.session"},
}
"""Modules that choose among families or coders, and what may import them without being on a higher layer."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): path
    for folder in ("idf", "experiments", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
MODULES["train"] = ROOT / "train.py"


def imported(path: Path) -> set[str]:
    """Return all project modules that a file imports, including deferred and type-only imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise AssertionError(f"{path}: write imports from the top")
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in MODULES else node.module for name in inner}
    return {name for name in found if name in MODULES}


GRAPH = {name: imported(path) - {name} for name, path in MODULES.items()}


def layer(name: str) -> int:
    top = name.split(".")
    if top[0] != "idf":
        return len(LAYERS) + 1
    return LAYERS.index(top[1]) if len(top) > 1 and top[1] in LAYERS else len(LAYERS)


def test_every_module_is_in_a_layer() -> None:
    elsewhere = {name for name in MODULES if name.startswith("idf.") and name.split(".")[1] not in LAYERS}
    assert elsewhere == {"idf.__main__"}


def test_no_circles() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_no_module_imports_from_a_higher_layer() -> None:
    # the package itself is light, because its names load on demand
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if layer(other) > layer(name) and other != "idf"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_configuration_imports_errors_only() -> None:
    allowed = ("idf.config", "idf.errors", "idf.installed")
    wrong = {other for name in GRAPH if name.startswith("idf.config") for other in GRAPH[name]}
    assert not {other for other in wrong if not other.startswith(allowed)}


def test_some_layers_are_apart() -> None:
    for one, other in [*APART, *((b, a) for a, b in APART)]:
        wrong = {
            name
            for name in GRAPH
            if name.startswith(f"idf.{one}")
            for to in GRAPH[name]
            if to.startswith(f"idf.{other}")
        }
        assert not wrong, f"{one} must not import {other}: {wrong}"


@pytest.mark.parametrize("dispatcher", DISPATCHERS)
def test_dispatchers_are_imported_from_above_only(dispatcher: str) -> None:
    assert dispatcher in MODULES
    users = {name for name, others in GRAPH.items() if dispatcher in others}
    assert {name for name in users if layer(name) <= layer(dispatcher)} <= DISPATCHERS[dispatcher]


def test_about_a_dozen_files_at_one_level() -> None:
    for folder in {path.parent for path in MODULES.values()}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= 15, f"{folder} has {len(files)} files: a folder is missing"
