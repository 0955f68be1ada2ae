"""``python -m experiments.search FILE``: run a Weights & Biases sweep file locally with Optuna, without an account.

Needs the extra ``[optuna]``. Each trial is a ``train.py`` process; the search watches its validations and stops
trials that fall behind. All trials are stored in ``outputs/<study>/search.sqlite3``, so the same command resumes
the search, with the run folders of interrupted trials.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from experiments.check_sweep import METRICS, agent_arguments, check_sweep
from experiments.launching.definition import override_text
from experiments.launching.launcher import (
    DIVERGED,
    FINISHED,
    OVER,
    ROOT,
    Launcher,
    Progress,
    Slot,
    Track,
    available_cores,
    make_slots,
    visible_gpus,
)
from experiments.launching.plan import Job
from experiments.launching.progress import open_progress
from idf.arguments import parse_arguments
from idf.config import run_folder
from idf.config.compose import compose
from idf.errors import ConfigError, RunError, run_main
from idf.files import output_errors
from idf.runs.find import read_run
from idf.runs.history import finite_number
from idf.runs.lock import locked
from idf.text import bits

if TYPE_CHECKING:
    import optuna

USAGE = """\
python -m experiments.search FILE [trials=N] [jobs=N] [SETTING=VALUE ...]

Search over the parameters of a W&B sweep file with Optuna (pip install -e ".[optuna]"), without a W&B account.
The same command resumes the search. Method bayes uses Optuna's TPE, hyperband its successive halving.

  FILE           a sweep file, such as experiments/sweeps/bayesian.yaml
  trials         total number of trials, earlier ones included (default: run_cap of the file, else 20)
  jobs           trials at once (default: one per GPU, 1 without GPUs)
  SETTING=VALUE  a setting of train.py for every trial"""

DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class Search:
    """A search, read from a sweep file.

    Args:
        method: ``random`` or ``bayes``.
        metric: name of the metric in validation records.
        goal: ``minimize`` or ``maximize``.
        space: specification by parameter, as in the file, without parameters of one value.
        fixed: settings of every trial, as text.
        early: number of validations before a trial may be stopped, and the factor between two such checks; None
            lets every trial run to its end.
        trials: total number of trials.
    """

    method: str
    metric: str
    goal: str
    space: dict[str, Mapping[str, Any]]
    fixed: dict[str, str]
    early: tuple[int, int] | None
    trials: int


def main(argv: Sequence[str] | None = None) -> int:
    """Search and return 0, 1 if a trial failed, or 128 + the signal that stopped the search.

    Raises:
        UserError: the file is invalid, or Optuna is not installed.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=("trials", "jobs"), passes=None)
    if len(arguments.plain) != 1:
        arguments.problems.append(f"give exactly one sweep file\n\n{USAGE}")
    gpus = visible_gpus()
    trials = arguments.whole("trials", None, least=1)
    jobs = arguments.whole("jobs", len(gpus) if len(gpus) > 1 else 1, least=1)
    arguments.check()
    optuna = import_optuna()
    search = read_search(Path(arguments.plain[0]), arguments.passed_settings)
    slots = make_slots(jobs, gpus, available_cores())
    return run_search(optuna, search, search.trials if trials is None else trials, slots)


def import_optuna() -> Any:
    """Return the module ``optuna``, with only warnings logged.

    Raises:
        RunError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise RunError('the search needs Optuna: pip install -e ".[optuna]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def read_search(path: Path, extra: Mapping[str, str]) -> Search:
    """Read and check a sweep file.

    Args:
        path: the file.
        extra: settings for every trial, as on the command line.

    Raises:
        ConfigError: with every problem of the sweep.
    """
    try:
        sweep = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"{path} cannot be read: {' '.join(str(error).split())}"]) from error
    if not isinstance(sweep, dict) or not isinstance(sweep.get("parameters"), dict):
        raise ConfigError([f"{path} is not a sweep: it has no mapping parameters"])
    overridden = {name: {"value": yaml.safe_load(value)} for name, value in extra.items()}
    sweep["parameters"] = sweep["parameters"] | {"tracker": {"value": "wandb"}} | overridden
    problems = [
        problem
        # The search does not use W&B, so runs need not log to it.
        for problem in check_sweep(sweep, [path.parent, Path.cwd(), Path(__file__).parents[1]]).problems
        if not problem.startswith("tracker: ")
    ]
    if sweep.get("method") == "grid":
        problems.append("method: grid is not a search; use python train.py -m, or a study with a grid")
    metric = (sweep.get("metric") or {}).get("name", "")
    if metric in METRICS and not metric.startswith("validation/"):
        problems.append(f"metric.name: this search does not support {metric}; use validation/bits_per_dim")
    parameters: dict[str, Mapping[str, Any]] = sweep["parameters"]
    if "tracker" not in overridden:
        parameters["tracker"] = {"value": "none"}
    problems += [f"parameters.{name}: {_NOT_HERE}" for name, spec in parameters.items() if not _is_drawable(spec)]
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    early = sweep.get("early_terminate")
    return Search(
        method=sweep["method"],
        metric=metric.partition("/")[2],
        goal=METRICS[metric],
        space={name: spec for name, spec in parameters.items() if "value" not in spec},
        fixed={name: override_text(spec["value"]) for name, spec in parameters.items() if "value" in spec},
        early=None if early is None else (int(early.get("min_iter", 1)), max(2, int(early.get("eta", 3)))),
        trials=int(sweep.get("run_cap", DEFAULT_TRIALS)),
    )


_DRAWN = ("uniform", "int_uniform", "q_uniform", "log_uniform_values")
_NOT_HERE = f"this search supports only value:, values: and the distributions {', '.join(_DRAWN)}"


def _is_drawable(spec: object) -> bool:
    if not isinstance(spec, Mapping):
        return True  # already reported
    return bool({"value", "values", "parameters"} & spec.keys()) or spec.get("distribution", "uniform") in _DRAWN


def draw(trial: optuna.Trial, space: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Draw one value for every parameter and return them as text for ``train.py``."""
    drawn: dict[str, Any] = {}
    for name, spec in space.items():
        low, high, kind = spec.get("min"), spec.get("max"), spec.get("distribution")
        if "values" in spec:
            drawn[name] = trial.suggest_categorical(name, [override_text(value) for value in spec["values"]])
        elif kind == "int_uniform" or (kind is None and isinstance(low, int) and isinstance(high, int)):
            drawn[name] = trial.suggest_int(name, int(spec["min"]), int(spec["max"]))
        elif kind == "log_uniform_values":
            drawn[name] = trial.suggest_float(name, float(spec["min"]), float(spec["max"]), log=True)
        elif kind == "q_uniform" and isinstance(spec.get("q", 1), int):
            drawn[name] = trial.suggest_int(name, int(spec["min"]), int(spec["max"]), step=int(spec.get("q", 1)))
        else:
            step = float(spec["q"]) if kind == "q_uniform" else None
            drawn[name] = trial.suggest_float(name, float(spec["min"]), float(spec["max"]), step=step)
    return {name: str(value) for name, value in drawn.items()}


def run_search(optuna: Any, search: Search, trials: int, slots: Sequence[Slot], train: Path = ROOT / "train.py") -> int:
    """Run trials until their total number is ``trials``.

    Args:
        optuna: the module.
        search: what to search.
        trials: total number, earlier ones included.
        slots: one for each concurrent trial.
        train: the training program; tests replace it.

    Returns:
        0, 1 if a trial failed, or 128 + the signal that stopped the search.
    """
    config = compose([f"{name}={value}" for name, value in search.fixed.items()])
    folder = Path(config.outputs) / config.study
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'search.sqlite3'}",
        study_name="search",
        load_if_exists=True,
        direction=search.goal,
        sampler=_sampler(optuna, search),
        pruner=_pruner(optuna, search),
    )
    progress = open_progress()
    # Two searches with one store would resume each other's trials.
    with locked(folder / "search"):
        launcher = TrialLauncher(optuna, study, search, folder, trials, slots, progress, train=train)
        try:
            status = launcher.run()
        finally:
            progress.close()
    _print_best(study)
    return status


class TrialLauncher(Launcher):
    """Starts a trial whenever a slot is free, watches its validations, and reports its result to Optuna.

    Args:
        optuna: the module.
        study: Optuna's study.
        search: what to search.
        folder: for logs.
        trials: total number, earlier ones included.
        slots: one for each concurrent trial.
        progress: shows progress.
        train: the training program.
    """

    def __init__(
        self,
        optuna: Any,
        study: optuna.Study,
        search: Search,
        folder: Path,
        trials: int,
        slots: Sequence[Slot],
        progress: Progress,
        train: Path,
    ) -> None:
        super().__init__([], slots, folder / "logs", progress, train=train)
        self._optuna, self._study, self._search = optuna, study, search
        # Interrupted trials keep their number and parameters, and their runs resume.
        cut_off = study.get_trials(states=(optuna.trial.TrialState.RUNNING,), deepcopy=False)
        self._cut_off = [optuna.trial.Trial(study, trial._trial_id) for trial in cut_off]
        done = len(study.get_trials(deepcopy=False)) - len(cut_off)
        self._left = max(0, trials - done)
        progress.say(f"search in {folder}/: {done} trials done, {self._left} remaining, {len(slots)} at once")
        self._trials: dict[Path, optuna.Trial] = {}
        self._ended: set[int] = set()

    def _work(self) -> bool:
        while self._left > 0 and self._free_slots() and not self.stopped:
            self._left -= 1
            self._ask()
        going = super()._work()
        for track in self.tracks:
            trial = self._trials[track.job.folder]
            if trial.number not in self._ended:
                self._watch(track, trial)
        return going or (self._left > 0 and not self.stopped)

    def _free_slots(self) -> bool:
        return sum(track.state not in OVER for track in self.tracks) < self._slots

    def _ask(self) -> None:
        trial = self._cut_off.pop(0) if self._cut_off else self._study.ask()
        settings = self._search.fixed | draw(trial, self._search.space)
        overrides = tuple(f"{name}={value}" for name, value in settings.items())
        try:
            config = compose(overrides)
        except ConfigError as error:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            self._progress.say(f"trial {trial.number} has invalid settings: {'; '.join(error.problems)}")
            return
        job = Job(f"trial{trial.number}", config.seed, overrides, run_folder(config), config.training.steps)
        twin = self._trials.get(job.folder)
        if twin is not None:
            # The same settings as an earlier trial: running them again would tell nothing new.
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return
        self._trials[job.folder] = trial
        self.tracks.append(Track(job))
        shown = " ".join(agent_arguments({name: settings[name] for name in self._search.space}))
        self._progress.say(f"trial {trial.number}: {shown}")

    def _watch(self, track: Track, trial: optuna.Trial) -> None:
        values = _validations(track.job.folder, self._search.metric)
        reported = len(self._study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        for index, value in list(enumerate(values, 1))[reported:]:
            trial.report(value, index)
        states = self._optuna.trial.TrialState
        best = (min if self._search.goal == "minimize" else max)(values, default=None)
        if track.state == FINISHED:
            self._tell(trial, best, None if values else states.FAIL)
        elif track.state == DIVERGED:
            self._tell(trial, None, states.PRUNED if values else states.FAIL)
        elif track.state in OVER:
            if not self.stopped:  # otherwise it stays RUNNING and the next search resumes it
                self._tell(trial, None, states.FAIL)
        elif len(values) > reported and trial.should_prune():
            self._tell(trial, None, states.PRUNED)
            self._progress.say(
                f"trial {trial.number}: stopped early after {len(values)} validations, best {bits(best)}"
            )
            self.end(track)

    def _tell(self, trial: optuna.Trial, value: float | None, state: Any) -> None:
        self._ended.add(trial.number)
        self._study.tell(trial, value, state=state)


def _validations(folder: Path, metric: str) -> list[float]:
    records = (record for record in read_run(folder).history() if record.get("kind") == "validation")
    values = (finite_number(record.get(metric)) for record in records)
    return [value for value in values if value is not None]


def _sampler(optuna: Any, search: Search) -> Any:
    return optuna.samplers.RandomSampler() if search.method == "random" else optuna.samplers.TPESampler()


def _pruner(optuna: Any, search: Search) -> Any:
    if search.early is None:
        return optuna.pruners.NopPruner()
    least, factor = search.early
    return optuna.pruners.SuccessiveHalvingPruner(min_resource=least, reduction_factor=factor)


def _print_best(study: optuna.Study) -> None:
    with contextlib.suppress(ValueError):  # no trial has finished
        best = study.best_trial
        print(f"best of {len(study.trials)}: trial {best.number}, {bits(best.value)}")
        for name, value in best.params.items():
            print(f"  {name}={value}")


if __name__ == "__main__":
    sys.exit(run_main(main))
