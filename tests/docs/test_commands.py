"""The commands in README and documentation work: each is checked as its program checks it.

Nothing is trained here: settings are composed and options are parsed (``test_runs.py`` runs each kind of command). The
Python examples and the short commands of the tutorial are run.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from experiments.launching.definition import find_study, read_study
from experiments.launching.plan import make_plan
from experiments.launching.request import parse_request, read_request
from idf.arguments import Arguments, parse_arguments
from idf.cli.arguments import parse as parse_idf
from idf.config.compose import compose
from idf.evaluation.options import parse_options
from idf.models.registry import model_paths
from idf.training.command_line import check_command_line
from tests.docs.pages import PAGES, all_commands, blocks
from tests.paths import ROOT

OTHERS = {"source", "cmp", "echo", "sox", "apt-get", "git", "pre-commit", ".ci/run", "tensorboard"}
"""Programs of others, which these tests do not know."""


class _Parsed(Exception):
    """Raised once the command line has been read, to stop there."""


def _parse_as(module: ModuleType, arguments: list[str], patch: pytest.MonkeyPatch) -> None:
    """Let a command read its arguments, and stop it there."""
    if {"-h", "--help"} & set(arguments):
        return

    def checked(argv: list[str], **known: object) -> Arguments:
        parse_arguments(argv, **known).check()  # type: ignore[arg-type]
        raise _Parsed

    patch.setattr(module, "parse_arguments", checked)
    with pytest.raises(_Parsed):
        module.main(arguments)


def _ask_for_runs(module: ModuleType, arguments: list[str]) -> None:
    """The study, its budget and its cells exist, and the settings of ``train.py`` are right."""
    request = read_request(parse_request(arguments, module.OWN, ("--dry-run",)), module.USAGE)
    if request.study == "my.yaml":
        return
    study = read_study(find_study(request.study))
    budget = study.budgets[request.budget or "smoke"]
    data = budget.settings.get("data", study.settings["data"])
    compose([f"data={data}", *(f"{name}={value}" for name, value in request.settings.items())])
    assert set(request.only or ()) <= study.cells.keys()


def _has_options(path: Path, arguments: list[str]) -> None:
    text = path.read_text(encoding="utf-8")
    options = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")} - {"--help"}
    assert {option for option in options if f'"{option}"' not in text} == set()


def _check_python(arguments: list[str], patch: pytest.MonkeyPatch) -> None:
    match arguments:
        case ["train.py", *settings]:
            check_command_line(settings)
        case ["evaluate.py", *settings]:
            models = {model for model in parse_options(settings).models if not model.endswith(".idfm")}
            assert models <= {path.stem for path in model_paths()}
        case ["-m", name, *words] if name.startswith("experiments."):
            module = importlib.import_module(name)
            if name.rpartition(".")[2] in ("study", "slurm", "ray"):
                _ask_for_runs(module, words)
            else:
                _parse_as(module, words, patch)
        case ["-m", "idf.evaluation.clip", *words]:
            _parse_as(importlib.import_module("idf.evaluation.clip.__main__"), words, patch)
        case ["-m", name, *words] if name.startswith(("benchmarks.", "fuzz.")):
            _has_options(ROOT / (name.replace(".", "/") + ".py"), words)
        case ["-m", "pytest", path, *_]:
            assert (ROOT / path).exists()
        case ["-c", program]:
            compile(program, "documentation", "exec")
        case [script, *words]:
            _has_options(ROOT / script, words)


def _check_make(arguments: list[str]) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {target for target in arguments if "=" not in target} <= set(targets)


def _check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for argument in arguments:
        if found := re.match(r"\.\[(\w+)\]", argument):
            assert found[1] in extras


def _check_wandb(arguments: list[str]) -> None:
    match arguments:
        case ["sweep", path]:
            assert (ROOT / path).exists()
        case [name, *_]:
            assert name in ("sweep", "agent", "sync", "login")


def test_pages_have_commands() -> None:
    assert len(all_commands()) > 120
    assert ("wandb", "sweep", "sweep.yaml") in all_commands()


@pytest.mark.parametrize("command", all_commands(), ids=shlex.join)
def test_commands_are_accepted(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    program, *arguments = command
    checks: dict[str, Callable[[list[str]], object]] = {"make": _check_make, "pip": _check_pip, "wandb": _check_wandb}
    if program == "python":
        _check_python(arguments, monkeypatch)
    elif program == "idf":
        if not {"-h", "--help", "--version"} & set(arguments):
            parse_idf(
                [*arguments, "talk.wav"]
                if arguments in (["compress"], ["decompress"], ["verify"], ["info"])
                else arguments
            )
    elif program in checks:
        checks[program](arguments)
    else:
        assert program in OTHERS


@pytest.mark.parametrize(
    "wrong", ["train.py model=smal", "evaluate.py run=latest split=tests", "-m experiments.status --wach"]
)
def test_wrong_commands_are_noticed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="did you mean"):
        _check_python(wrong.split(), monkeypatch)


def test_the_study_of_your_own_can_be_planned(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "studies.md", "yaml")
    (tmp_path / "my.yaml").write_text(text)
    study = read_study(find_study(str(tmp_path / "my.yaml")))
    for budget in study.budgets:
        assert {"default", "half"} <= {job.cell for job in make_plan(study, budget, (0,), {}).jobs}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


PROGRAMS = [(page, number) for page in PAGES for number in range(len(blocks(page, "python")))]


@pytest.mark.parametrize(("page", "number"), PROGRAMS, ids=lambda value: getattr(value, "stem", value))
def test_python_examples_run(page: Path, number: int, environment: dict[str, str], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-300, 300, 61 * 300).astype(np.int16)
    for name in ("talk.wav", "in.wav"):
        soundfile.write(tmp_path / name, noise, 300)
    (tmp_path / "out.idf").touch()
    before = "import idf; open('talk.idf', 'wb').write(idf.compress('talk.wav', model='turbo'))\n"
    program = (before if "talk.idf" in blocks(page, "python")[number] else "") + blocks(page, "python")[number]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_the_tutorial_gives_what_it_says(environment: dict[str, str], tmp_path: Path) -> None:
    """Sizes and the table of its first blocks."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    samples, rate_hz = soundfile.read(ROOT / "idf" / "data" / "demo" / "demo-thanks.flac", dtype="int16")
    soundfile.write(tmp_path / "talk.wav", samples, rate_hz)
    run = {"cwd": tmp_path, "env": environment, "text": True, "capture_output": True}
    for command in (
        "idf compress --model bands-small talk.wav",
        "idf decompress talk.idf -o again.wav",
        "idf.evaluation.clip progressive model=bands-small clip=talk.wav output=heard",
    ):
        assert f"{command}\n" in page
        done = subprocess.run([sys.executable, "-m", *command.split()], **run)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "talk.wav").read_bytes()
    kilobytes = [f"{(tmp_path / name).stat().st_size / 1000:.1f}" for name in ("talk.idf", "talk.wav")]
    assert f"has {kilobytes[0]} kB instead of {kilobytes[1]} kB" in page
    made = _numbers((tmp_path / "heard" / "progressive.md").read_text(encoding="utf-8"))
    assert len(made) > 12
    assert _numbers(page) == pytest.approx(made, rel=1e-3)


def _numbers(text: str) -> list[float]:
    """Return the numbers in the table of first blocks."""
    rows = re.findall(r"^\| \d \| (?:low|z\d) \|.*", text, re.MULTILINE)
    return [float(number) for row in rows for number in re.findall(r"\d+\.\d+", row)]
