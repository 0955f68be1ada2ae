from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idf.config import run_folder, to_yaml
from idf.config.compose import compose

MakeRun = Callable[..., Path]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def make_run(outputs: Path) -> MakeRun:
    """Write a run folder as training leaves it behind, without training."""

    def make(
        *overrides: str,
        status: str = "finished",
        curve: dict[int, float] | None = None,
        train: dict[int, dict[str, Any]] | None = None,
        evaluated: list[dict[str, Any]] | None = None,
        owner: dict[str, Any] | None = None,
        updated: float | None = None,
        reason: str | None = None,
    ) -> Path:
        config = compose([*overrides, f"outputs={outputs}"])
        folder = run_folder(config)
        folder.mkdir(parents=True)
        curve = {50: 9.5, 100: 9.0} if curve is None else curve
        (folder / "config.yaml").write_text(to_yaml(config))
        environment = {"command": ["/here/train.py", *overrides], "idf": "0.1.0", "packages": {"numpy": "2"}}
        (folder / "environment.json").write_text(json.dumps(environment))
        best = min(curve.values(), default=None)
        facts = {"step": max(curve, default=0), "steps": config.training.steps, "best": best, "reason": reason}
        facts |= {"status": status, "updated": time.time() if updated is None else updated}
        (folder / "status.json").write_text(json.dumps(facts))
        lines = [{"step": step, "seconds": step / 10, "kind": "train", **row} for step, row in (train or {}).items()]
        lines += [
            {"step": step, "seconds": step / 10, "kind": "validation", "bits_per_sample": value}
            for step, value in curve.items()
        ]
        (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "lock").write_text("" if owner is None else json.dumps(owner))
        if evaluated is not None:
            (folder / "evaluation").mkdir()
            (folder / "evaluation" / "results.json").write_text(json.dumps({"rows": evaluated}))
        return folder

    return make
