"""A study from its command line to its report, with the real train.py and evaluate.py; takes about 30 seconds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.launching.plan import read_manifest
from experiments.report import main as report
from idf.audio.pcm import write_wav16
from idf.runs.find import read_state
from tests.paths import ROOT

STUDY = """
settings:
  data: folder
  data.train_clips: [a, b]
  data.validation_clips: [c]
  data.test_clips: [d]
  tracker: none
  model.window: 64
  layout: channelwise
  layout.channels: 4
  layout.scales: 1
  width: {components: 2, hidden: 4, blocks: 1, context_frames: 1, experts: 2}
  optimizer.warmup_steps: 2
  training: {steps: 300, batch_samples: 256, log_every: 1, validate_every: 100, code_every: 0, audio_every: 0,
             checkpoint_every: 50, compile: false}
cells: {one: {}, two: {width.components: 3}}
seeds: [0]
evaluate: [baselines=none]
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command of a study of two tiny runs, on half a second of noisy sines."""
    rng = np.random.default_rng(5)
    (tmp_path / "clips").mkdir()
    for name in "abcd":
        wave = 3000 * np.sin(np.arange(1000) * rng.uniform(0.02, 0.2)) + 50 * rng.normal(size=1000)
        write_wav16(tmp_path / "clips" / f"{name}.wav", wave.astype(np.int32), 8000)
    (tmp_path / "mine.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "experiments.study", str(tmp_path / "mine.yaml"), "jobs=2"]
    return [*command, f"data.root={tmp_path / 'clips'}", f"outputs={tmp_path / 'outputs'}"]


def test_a_study_is_stopped_resumed_and_reported(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "mine-full"
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    runs: list[Path] = []
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if not runs and (folder / "study.json").exists():
            runs = [folder / entry["run"] for entry in read_manifest(folder)["runs"]]
        if runs and all(read_state(run).step > 0 for run in runs):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 143, said
    # One run may have finished already; the others left a checkpoint.
    states = [read_state(run) for run in runs]
    assert {state.name for state in states} <= {"preempted", "finished"}, said
    assert "preempted" in {state.name for state in states}, said
    assert "SIGTERM: stopping 2 processes" in said

    # Complete only one of them: starting TensorFlow takes most of this test's time.
    again = subprocess.run([*words, "only=one"], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert read_state(runs[0]).name == "finished"
    steps = [json.loads(line)["step"] for line in (runs[0] / "history.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == list(range(1, 301))
    (row,) = json.loads((runs[0] / "evaluation" / "results.json").read_text())["rows"]
    assert row["lossless"] is True

    assert report([str(folder)]) == 0
    text = (folder / "report" / "report.md").read_text()
    assert "| ours, one | folder:clips, test of" in text
    assert "| two-s0 |" in text
