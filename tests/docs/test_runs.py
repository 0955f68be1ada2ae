"""Documented commands run: each kind once, at a tiny budget, with the arguments on the page.

A kind is a program with one of its options; for ``train.py``, a choice that a configuration makes (a layout, a data
set, a switch). Numbers and paths make no kind: ``test_commands.py`` checks them in every command. The commands come
from the pages, so a command of a new kind is run without a change to this file. Kinds that other tests run are listed
in ``ELSEWHERE`` and ``PROGRAMS_ELSEWHERE``; the cells of the studies' tiny budgets are read from the studies.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import soundfile

import idf
from experiments.launching.definition import OWN_STUDIES, read_study
from experiments.launching.plan import make_plan
from idf.config.compose import compose
from idf.models.registry import find_model
from tests.docs.pages import all_commands
from tests.paths import ROOT
from tests.tiny import TINY, TINY_ADAPTIVE, TINY_BANDS, TINY_FLOW, TINY_ORIGINAL

Command = tuple[str, ...]

ELSEWHERE = {
    "python train.py -m": "training/test_launcher.py::test_every_combination_runs",
    "python train.py deterministic=true": "training/test_train.py::test_deterministic_runs_are_bit_exact",
    "python train.py experiment=debug": "training/test_train.py::test_the_debug_preset_overfits_a_single_batch",
    "python train.py profile=true": "training/test_session.py::test_a_profiled_run_leaves_a_trace_of_one_step_and_is_the_same_run",
    "python -m experiments.status --watch": "experiments/test_watching.py::test_from_the_command_line",
    "python -m idf.evaluation.clip latents model= clip= seconds= width= output=": "evaluation/clip/test_show_latents.py::test_figures_and_the_table",
}
"""Kinds that another test runs."""

PROGRAMS_ELSEWHERE = {
    "benchmarks.stability": "benchmarks/test_stability.py::test_a_short_run_finds_nothing_wrong",
    "benchmarks.streaming": "benchmarks/test_streaming.py::test_both_directions_are_measured",
    "experiments.check_sweep": "experiments/test_check_sweep.py::test_the_sweeps_that_come_with_the_project",
    "experiments.ray": "experiments/test_ray.py::test_a_study_by_ray_on_this_machine",
    "experiments.report": "experiments/test_own_studies.py::test_the_smallest_budget_runs_to_its_report",
    "experiments.search": "experiments/test_search.py::test_a_search_finds_and_resumes",
    "experiments.slurm": "experiments/test_slurm.py::test_a_study_as_jobs_on_this_machine",
    "experiments.study": "experiments/test_own_studies.py::test_the_smallest_budget_runs_to_its_report",
    "idf.evaluation.clip progressive": "evaluation/clip/test_show_progressive.py::test_a_run_has_its_own_clips_and_place",
    "python -c": "docs/test_commands.py::test_the_tutorial_gives_what_it_says",
    "tools/build_corpora.py": "tools/test_build_corpora.py::test_writes_complete_sets_and_lists_the_others",
    "tools/build_training_mix.py": "tools/test_build_training_mix.py::test_one_channel_or_both_are_written",
    "tools/portability.py": "tools/test_portability.py::test_the_same_bytes_without_vector_instructions",
    "tools/render_clips.py": "tools/test_render_clips.py::test_a_row_without_steps_copies_the_samples",
    "tools/result_tables.py": "docs/test_results.py::test_a_changed_result_changes_the_table",
    "wandb sweep": "experiments/test_sweep_agent.py::test_a_sweep_stops_a_run_early_and_sends_it_again",
}
"""Programs of which another test runs every kind."""

NOT_RUN = {
    **dict.fromkeys(("apt-get", "cmp", "echo", "git", "source", "sox"), "not ours"),
    **dict.fromkeys((".ci/run", "pytest"), "the tests themselves"),
    **dict.fromkeys(("wandb agent", "wandb login"), "needs an account"),
    "pip": "changes the environment",
}
"""Programs that no test runs, and why."""


def program(command: Command) -> str:
    """Return the name of a command's program, with its subcommand."""
    match command:
        case ["python", "-c", *_]:
            return "python -c"
        case ["python", "-m", "idf.evaluation.clip", view, *_]:
            return f"idf.evaluation.clip {view}"
        case ["python", "-m", name, *_] | ["python", name, *_]:
            return name
        case ["idf", "models", action, *_]:
            return f"idf models {action}"
        case ["idf" | "wandb" | "make", name, *_]:
            return f"{command[0]} {name}"
    return command[0]


def kinds(command: Command) -> set[str]:
    """Return the kinds of a command."""
    name = program(command)
    if name == "train.py":
        if special := {word for word in command if word.startswith("-")}:
            return {f"{name} {option}" for option in special}
        return choices(tuple(setting for setting in command[2:] if not re.fullmatch(r"[\w.]+=[\d.]+", setting)))
    words = command[3:] if command[:2] == ("python", "-m") else command[1:]
    options = {word.partition("=")[0] for word in words if word.startswith("-") or re.match(r"[\w.]+=", word)}
    return {name, *(f"{name} {option}" for option in options)}


@cache
def choices(settings: Command) -> set[str]:
    """Return the choices of a run's configuration: its texts and switches, without names, folders and sizes."""

    def leaves(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]

    config = dataclasses.asdict(compose(settings))
    found = {f"train.py {name}={value}" for name, value in leaves(config, "") if isinstance(value, str | bool)}
    return {"train.py", *(choice for choice in found if not NO_CHOICE.match(choice))}


NO_CHOICE = re.compile(r"train.py (study|outputs|data.root|(model|width).name|training.compile|tracker\..*)=")


def covered() -> set[str]:
    """Return the kinds that other tests run."""
    found = set().union(*(kinds(tuple(shlex.split(line))) for line in ELSEWHERE))
    for path in OWN_STUDIES.glob("*.yaml"):
        for job in make_plan(read_study(path), "tiny", None, {}).jobs:
            found |= kinds(("python", "train.py", *job.overrides))
    return found


def covering(commands: Iterable[Command], covered: set[str]) -> list[Command]:
    """Choose commands that have all kinds that are not covered, those with the most first, short ones before long ones."""
    left = {command: kinds(command) - covered for command in commands}
    chosen = []
    while left:
        command = max(left, key=lambda one: (len(left[one]), -len(shlex.join(one))))
        if new := left.pop(command):
            chosen.append(command)
        left = {one: rest - new for one, rest in left.items() if rest - new}
    return chosen


def documented(*programs: str) -> list[Command]:
    """Return the documented commands of some programs, or of all others that run here."""
    elsewhere = {*NOT_RUN, *PROGRAMS_ELSEWHERE, *ON_RUNS, "train.py"}
    return [one for one in all_commands() if (program(one) in programs if programs else program(one) not in elsewhere)]


ON_RUNS = ("evaluate.py", "experiments.compare", "experiments.status", "idf.evaluation.clip latents", "wandb sync")
"""Programs that need runs."""
OF_OTHERS = set().union(*(kinds(tuple(shlex.split(line))) for line in ELSEWHERE if "train.py" not in line))


@pytest.mark.parametrize("place", [*ELSEWHERE.values(), *PROGRAMS_ELSEWHERE.values()])
def test_the_other_tests_exist(place: str) -> None:
    path, _, name = place.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")


def test_every_entry_is_on_a_page() -> None:
    assert {*PROGRAMS_ELSEWHERE, *NOT_RUN} <= {program(command) for command in all_commands()}


# ---- where commands run


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables with a home of small recordings and no account."""
    home = tmp_path_factory.mktemp("home")
    for folder, name in (("LJSpeech-1.1/wavs", "LJ001-{:04d}"), ("recordings", "take {}"), ("other", "take {}")):
        (home / folder).mkdir(parents=True)
        for number in range(1, 41):
            write_clip(home / folder / f"{name.format(number)}.wav", number)
    (home / "LJSpeech-1.1" / "metadata.csv").write_text("".join(f"LJ001-{n:04d}|Text.|Text.\n" for n in range(1, 41)))
    fonts = os.environ.get("MPLCONFIGDIR", matplotlib.get_configdir())
    changed = {"HOME": str(home), "MPLCONFIGDIR": fonts, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}
    return os.environ | changed | {"TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="module")
def trained(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every kind of training has run; the last run has a name from the pages as well."""
    folder = tmp_path_factory.mktemp("trained")
    for command in covering(documented("train.py"), covered()):
        run([*command, *smaller(command[2:])], folder, environment)
    last = max((folder / "outputs" / "train").glob("*-s0"), key=lambda path: path.stat().st_mtime)
    shutil.copytree(last, last.with_name("3fa94c01be-s0"))
    return folder


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip in a compressed file whose model has latent blocks."""
    clip = tmp_path_factory.mktemp("clip") / "talk.wav"
    write_clip(clip)
    return idf.compress(clip, model="bands-small")


def write_clip(path: Path, seed: int = 0) -> None:
    """Write an eighth of a second of a noisy tone."""
    rng = np.random.default_rng(seed)
    wave = 3000 * np.sin(np.arange(2048) * rng.uniform(0.02, 0.2)) + 50 * rng.normal(size=2048)
    soundfile.write(path, wave.astype(np.int16), 16000, subtype="PCM_16")


def write_inputs(command: Command, folder: Path, compressed: bytes) -> None:
    """Write the files that a command reads: for each name a clip, a compressed file, a model, or a folder of them."""
    outputs = ("-o", ">", "--target", "export", "NAME")
    for word in (word for last, word in itertools.pairwise(command) if last not in outputs):
        path = folder / word.replace("*", "one")
        path.parent.mkdir(parents=True, exist_ok=True)
        match path.suffix:
            case ".wav":
                write_clip(path)
            case ".idf":
                path.write_bytes(compressed[:-1] if "--salvage" in command else compressed)
            case ".idfm":
                shutil.copy(find_model("turbo"), path)
        if word in ("recordings", "archive", "kinds/*"):
            path.mkdir()
            write_clip(path / "one.wav")
            (path / "one.idf").write_bytes(compressed)


def smaller(settings: Command) -> list[str]:
    """Return settings that make a run tiny and leave the choices of its command."""
    if {"--help", "--cfg"} & set(settings):
        return []
    config = compose(settings)
    tiny = TINY_ADAPTIVE if config.model.family == "adaptive" else TINY_LAYOUTS[config.layout.name]
    chosen = ("data", "layout=", "model=", "tracker", "deterministic")
    return [*(setting for setting in tiny if not setting.startswith(chosen)), "training.steps=4"]


TINY_LAYOUTS = {"flow": TINY_FLOW, "bands": TINY_BANDS, "channelwise": TINY, "original": TINY_ORIGINAL}


def run(command: Iterable[str], folder: Path, environment: dict[str, str], stdin: bytes = b"") -> None:
    """Run a command of a page in a folder, with its patterns expanded; ``make`` only lists what it would run."""
    start, *words = command
    line = {"python": [sys.executable], "make": ["make", "-n", "-C", str(ROOT)]}.get(
        start, [sys.executable, "-m", start]
    )
    for word in words:
        if re.fullmatch(r"(train|evaluate|tools/\w+)\.py", word):
            line.append(str(ROOT / word))
        else:
            line += sorted(map(str, folder.glob(word))) or [word] if "*" in word else [word]
    done = subprocess.run(line, cwd=folder, env=environment, input=stdin, capture_output=True)
    assert done.returncode == ("--salvage" in words), f"{shlex.join(line)}\n{done.stderr.decode()}"


# ---- the commands


def test_a_command_that_fails_is_noticed(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="did you mean --watch"):
        run(("python", "-m", "experiments.status", "--wach"), tmp_path, environment)


def test_one_command_of_each_kind_is_chosen() -> None:
    bands = ("python", "train.py", "layout=bands")
    both = [bands, (*bands, "context=previous", "seed=3")]
    assert kinds(both[1]) - kinds(bands) == {"train.py context=previous"}
    assert covering(both, choices(())) == [both[1]]
    assert covering(both, kinds(bands)) == [both[1]]
    assert covering([bands], kinds(both[1]) | kinds(bands)) == []


def test_training(trained: Path) -> None:
    """Every kind of training ran to its end."""
    statuses = [path.read_text() for path in (trained / "outputs" / "train").glob("*/status.json")]
    assert len(statuses) > 1
    assert all('"finished"' in text for text in statuses)


@pytest.mark.parametrize("command", covering(documented(*ON_RUNS), OF_OTHERS), ids=shlex.join)
def test_commands_on_runs(command: Command, trained: Path, environment: dict[str, str]) -> None:
    words = [word.replace("/scratch/", "") for word in command]
    if program(command) == "evaluate.py" and "baselines=" not in shlex.join(command):
        words.append("baselines=none")
    run(words, trained, environment)


@pytest.mark.parametrize("command", covering(documented(), OF_OTHERS), ids=shlex.join)
def test_commands_on_files(command: Command, tmp_path: Path, compressed: bytes, environment: dict[str, str]) -> None:
    needs = {("idf", "info"): "talk.idf", ("idf", "warm-up"): "turbo"}  # to warm up all models takes a minute
    command += (needs[command],) if command in needs else ()
    write_inputs(command, tmp_path, compressed)
    words, stdin = ["turbo" if word == "NAME" else word for word in command], b""
    if words[-2] == ">":
        write_clip(tmp_path / "talk.wav")
        stdin, words = (tmp_path / "talk.wav").read_bytes(), words[:-2]
    if program(command) == "benchmarks.codecs":
        words += ["--output", "bench"]
    run(words, tmp_path, environment | {"IDF_MODELS": str(tmp_path / "models")}, stdin)
