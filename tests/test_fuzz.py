"""A short run of the fuzz targets without atheris, on the corpus and random edits of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fuzz.targets import CORPUS, TARGETS

EDITS = 400
EDITS_OF_MODELS = 60
"""Random edits per corpus file, and fewer for models, which take a while to build."""


def files(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


def edited(rng: np.random.Generator, data: bytes) -> bytes:
    """Apply a few random edits: set bytes, and delete, repeat or overwrite runs."""
    edited = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        a = int(rng.integers(0, len(edited) + 1))
        b = min(len(edited), a + int(rng.choice([1, 1, 2, 4, 8, 30])))
        edited[a:b] = [
            rng.bytes(b - a),
            b"",
            bytes(edited[a:b]) * 2,
            b"\xff" * (b - a),
            b"\0" * (b - a),
            b"\x7f" * (b - a),
        ][int(rng.integers(6))]
    return bytes(edited)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target: str) -> None:
    assert len(files(target)) >= 2
    for path in files(target):
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_edits_of_the_corpus(target: str) -> None:
    rng = np.random.default_rng(sum(target.encode()))
    originals = [path.read_bytes() for path in files(target)]
    for _ in range(EDITS_OF_MODELS if target == "model" else EDITS):
        TARGETS[target](edited(rng, originals[rng.integers(len(originals))]))
