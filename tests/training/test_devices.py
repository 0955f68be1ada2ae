"""Several devices in one run. TensorFlow fixes its devices once, so each run needs its own process."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from idf.config import run_folder
from idf.config.compose import compose
from idf.errors import ConfigError
from idf.runs.checkpoints import load_checkpoint
from idf.runs.history import read_history
from idf.training import devices, framework
from idf.training.devices import Devices
from tests.training.test_train import start


def test_two_devices_train_like_one(overrides: list[str]) -> None:
    # with averaging and clipping, which follow the reduction over devices
    more = ["optimizer.clip_norm=0.5", "threads=1", "training.log_every=1"]
    runs = {count: [*overrides, *more, f"study=on-{count}", f"devices={count}"] for count in (1, 2)}
    processes = {count: start(arguments) for count, arguments in runs.items()}
    for process in processes.values():
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert err.strip() == ""
    one, two = (run_folder(compose(arguments)) for arguments in runs.values())
    assert one.name == two.name
    first, second = (read_history(folder / "history.jsonl") for folder in (one, two))
    assert [(record["step"], record["kind"]) for record in first] == [
        (record["step"], record["kind"]) for record in second
    ]
    figures = first[0].keys() - {"seconds", "samples_per_second", "peak_memory_mib", "kind"}
    for name in figures:
        assert second[0][name] == pytest.approx(first[0][name], rel=1e-5, abs=1e-6), name
    # Later, weights may round to neighbouring points of their grids.
    for a, b in zip(first, second, strict=True):
        for name in {"loss", "bits_per_dim", "learning_rate"} & a.keys():
            assert b[name] == pytest.approx(a[name], rel=2e-3), name
    weights = [load_checkpoint(folder / "checkpoints" / "step-00000008.npz") for folder in (one, two)]
    assert weights[0].average.keys() == weights[1].average.keys() != set()
    for group in ("parameters", "average"):
        for name, value in getattr(weights[0], group).items():
            assert np.abs(getattr(weights[1], group)[name] - value).mean() < 1e-3, name
    status = json.loads((two / "status.json").read_text())
    assert status["status"] == "finished"


def test_one_device_needs_no_strategy(tiny: Any) -> None:
    chosen = Devices(tiny())
    assert chosen.strategy is None
    with chosen.scope() as scope:
        assert scope is None


def test_devices_that_do_not_divide_the_batch_or_do_not_exist(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "device_names", lambda config: ["GPU:0", "GPU:1", "GPU:2"])
    with pytest.raises(ConfigError, match="devices=all: 3 must divide the batch of 4 windows"):
        Devices(tiny("devices=all"))
    from idf.quiet_tensorflow import tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a", "b"] if kind == "GPU" else [])
    with pytest.raises(ConfigError, match="devices=4: must be at most 2"):
        framework.prepare_tensorflow(tiny("devices=4"))


def test_device_names_follow_the_setting(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from idf.quiet_tensorflow import tf

    found = [tf.config.LogicalDevice(f"/device:GPU:{index}", "GPU") for index in range(4)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: found if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda name: {"peak": int(name[-1]) * 2**20})
    assert framework.device_names(tiny("devices=2")) == ["/device:GPU:0", "/device:GPU:1"]
    assert len(framework.device_names(tiny("devices=all"))) == 4
    assert framework.peak_device_memory_mib() == 3.0
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: found if kind == "GPU" else [])
    details = {found[0]: {"device_name": "NVIDIA H100 80GB HBM3"}, found[1]: {}}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details[device])
    assert framework.gpu_models(tiny("devices=2")) == ["NVIDIA H100 80GB HBM3", "/device:GPU:1"]
    found.clear()
    assert framework.peak_device_memory_mib() is None
    assert framework.gpu_models(tiny()) == []
