"""The folder of a study after its runs, made without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Path]


def row(codec: str, bits: float, window: int | None = 256) -> dict[str, Any]:
    where = {"dataset": "demo", "split": "test of demo-v1"}
    return {"codec": codec, "bits_per_sample": bits, "window": window, "encode_x_realtime": 12.3, **where}


@pytest.fixture
def study(make_run: Make, outputs: Path) -> Make:
    """Return a function that makes a study of two cells and three seeds; one seed diverged, one was not started."""

    def make(name: str = "mine-smoke", **report: object) -> Path:
        stepped = ["model=medium", "layout=original", "sharpness=step"]
        words = {"a": ["model=small", f"study={name}"], "b": [*stepped, f"study={name}"]}
        curves = {
            ("a", 0): {100: 9.6, 200: 9.10},
            ("a", 1): {100: 9.5, 200: 9.30},
            ("a", 2): {100: 9.4, 200: 9.20},
            ("b", 0): {100: 9.2, 200: 8.90},
            ("b", 1): {100: 9.0, 200: 9.15},
        }
        entries = []
        for (cell, seed), curve in curves.items():
            diverged = (cell, seed) == ("a", 2)
            evaluated = [row("IDF", curve[200] - 0.2)]
            if seed == 0:
                evaluated += [row("FLAC -8", 9.5, 4096), row(f"FLAC -8 -b {cell}", 9.8)]
            overrides = [*words[cell], f"seed={seed}"]
            status = "diverged" if diverged else "finished"
            reason = "the loss became nan" if diverged else None
            folder = make_run(
                *overrides, curve=curve, status=status, reason=reason, evaluated=None if diverged else evaluated
            )
            entries.append({"cell": cell, "seed": seed, "run": folder.name, "overrides": overrides, "evaluate": []})
        missing = {"cell": "b", "seed": 2, "run": f"{folder.name[:-1]}2", "overrides": ["x=1"], "evaluate": []}
        published = {"a": {"source": "the original", "bits_per_sample": 7.92, "note": "on its training windows"}}
        manifest = {
            "study": "mine",
            "budget": "smoke",
            "description": "A question",
            "command": ["python", "-m", "experiments.study", "mine"],
            "report": {"comparisons": [["a", "b"]], "target": None, "published": published, **report},
            "runs": [*entries, missing],
        }
        (outputs / name / "study.json").write_text(json.dumps(manifest))
        return outputs / name

    return make
