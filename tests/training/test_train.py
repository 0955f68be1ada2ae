"""``train.py`` in its own process, as users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from idf.config import Config, run_folder
from idf.config.compose import compose
from idf.runs.checkpoints import load_checkpoint
from idf.runs.history import read_history
from idf.training.command_line import check_command_line
from tests.paths import ROOT

Tiny = Callable[..., Config]


def start(arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes, **options)  # type: ignore[call-overload,no-any-return]


def test_a_wrong_command_line_gives_one_message_and_status_2(tmp_path: Path) -> None:
    process = start(["model=smal", "seeds=3", f"outputs={tmp_path}"])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert err.splitlines()[0] == "error: the configuration has 2 problems:"
    assert "did you mean small?" in err
    assert "did you mean seed?" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_missing_data_gives_one_message_and_status_2(tmp_path: Path) -> None:
    process = start(["data=folder", f"data.root={tmp_path / 'nowhere'}", f"outputs={tmp_path / 'outputs'}"])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith("error: ")
    assert "nowhere" in err
    assert "Traceback" not in err
    assert not (tmp_path / "outputs").exists()


def test_a_run_killed_and_terminated_at_any_moment_ends_with_the_same_weights(overrides: list[str], tiny: Tiny) -> None:
    # A checkpoint after each step slows the run down enough to interrupt it.
    more = ["training.steps=60", "training.checkpoint_every=1", "training.validate_every=7", "deterministic=true"]
    whole, parts = [*overrides, *more, "study=whole"], [*overrides, *more, "study=parts"]
    folder = run_folder(compose(parts))

    def wait_for_checkpoint(process: subprocess.Popen[str], after: int) -> None:
        limit = time.monotonic() + 120
        while not any(int(path.stem[5:]) > after for path in (folder / "checkpoints").glob("step-*.npz")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.01)

    process = start(parts)
    wait_for_checkpoint(process, 0)
    process.kill()
    process.communicate()
    assert json.loads((folder / "status.json").read_text())["status"] == "running"

    step = max(int(path.stem[5:]) for path in (folder / "checkpoints").glob("step-*.npz"))
    process = start(parts)
    wait_for_checkpoint(process, step)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "took over the run from process" in out
    assert f"resuming {folder} at step" in out
    assert json.loads((folder / "status.json").read_text())["status"] == "preempted"

    for arguments in (parts, whole):
        process = start(arguments, env={**os.environ, "WANDB_MODE": "disabled"})
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "finished at step 60" in out
        assert err.strip() == ""
    last = [load_checkpoint(run_folder(compose(a)) / "checkpoints" / "step-00000060.npz") for a in (parts, whole)]
    for name, value in last[0].parameters.items():
        assert value.tobytes() == last[1].parameters[name].tobytes()
    for one, two in zip(last[0].optimizer, last[1].optimizer, strict=True):
        assert one.tobytes() == two.tobytes()
    assert last[0].meta["best"] == last[1].meta["best"]


def test_deterministic_runs_are_bit_exact(overrides: list[str], tmp_path: Path) -> None:
    more = ["deterministic=true", "training.compile=true", "training.code_every=8", "training.code_clips=1"]
    arguments = [[*overrides, *more, f"outputs={tmp_path / name}"] for name in ("one", "two")]
    processes = [start(options) for options in arguments]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    one, two = (run_folder(compose(options)) for options in arguments)
    assert one != two
    machine = {"seconds", "samples_per_second", "peak_memory_mib"}
    histories = [
        [{k: v for k, v in record.items() if k not in machine} for record in read_history(folder / "history.jsonl")]
        for folder in (one, two)
    ]
    assert {record["kind"] for record in histories[0]} == {"train", "validation", "coded"}
    assert histories[0] == histories[1]
    names = sorted(path.name for path in (one / "checkpoints").iterdir())
    assert names == ["best.npz", "step-00000004.npz", "step-00000006.npz", "step-00000008.npz"]
    for name in names:
        with np.load(one / "checkpoints" / name) as a, np.load(two / "checkpoints" / name) as b:
            assert a.files == b.files
            for array in set(a.files) - {"meta.json"}:
                assert a[array].tobytes() == b[array].tobytes(), array
            first, second = (json.loads(file["meta.json"].tobytes()) for file in (a, b))
        for meta in (first, second):  # without time and folder
            del meta["seconds"], meta["config"]["outputs"]
        assert first == second
    assert (one / "model.idfm").read_bytes() == (two / "model.idfm").read_bytes()


def test_the_debug_preset_overfits_a_single_batch(clips: Path, tmp_path: Path) -> None:
    # the preset's own model and steps, but other data and no XLA, which would take most of the time
    data = ["data=folder", f"data.root={clips}", "data.train_clips=[a,b]", "data.validation_clips=[c]"]
    data += ["data.test_clips=[d]", f"outputs={tmp_path}", "training.compile=false"]
    process = start(["experiment=debug", *data])
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    folder = run_folder(compose(["experiment=debug", *data]))
    losses = [r["loss"] for r in read_history(folder / "history.jsonl") if r["kind"] == "train"]
    assert losses[-1] < 0.6 * losses[0]
    assert sorted(losses, reverse=True) == losses


@pytest.mark.parametrize("path", sorted(ROOT.glob("*sweep*.yaml")), ids=lambda path: path.name)
def test_every_value_of_the_sweep_composes(path: Path) -> None:
    sweep = yaml.safe_load(path.read_text())
    assert sweep["program"] == "train.py"
    assert (ROOT / sweep["program"]).is_file()
    assert sweep["command"][-1] == "${args_no_hyphens}"
    assert sweep["metric"] == {"name": "validation/bits_per_dim", "goal": "minimize"}
    # an agent passes the fixed parameters along with every value
    fixed = [f"{name}={choice['value']}" for name, choice in sweep["parameters"].items() if "value" in choice]
    for name, choice in sweep["parameters"].items():
        for value in choice.get("values", []):
            check_command_line([*fixed, f"{name}={value}"])
