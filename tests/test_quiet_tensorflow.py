"""TensorFlow's start-up messages appear only on request."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from tests.paths import ROOT


def test_every_module_takes_tensorflow_from_the_quiet_one() -> None:
    loud = []
    for folder in ("idf", "experiments"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            for_types = [
                node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            ]
            passed = {id(inner) for node in for_types for inner in ast.walk(node)}
            for node in ast.walk(tree):
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if id(node) not in passed and any(name.split(".")[0] == "tensorflow" for name in names):
                    loud.append(path.relative_to(ROOT).as_posix())
    assert loud == ["idf/quiet_tensorflow.py"]


@pytest.mark.parametrize("level", [None, "3", "0"])
def test_notes_come_only_when_asked_for(level: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    # a process that inherits the level from one of ours is silent too
    code = "from idf.quiet_tensorflow import tf; tf.zeros(1).numpy()"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.returncode == 0
    assert bool(found.stderr.strip()) == (level == "0"), found.stderr


def test_what_was_written_is_shown_when_the_import_fails() -> None:
    code = "import os, idf.quiet_tensorflow as quiet\nwith quiet._quietly():\n    os.write(2, b'why'); raise OSError"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stderr.startswith("why")
