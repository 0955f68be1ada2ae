"""What a study came to: its runs by cell, read from their folders, and the statistics of each cell."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, median_high
from typing import Any

from experiments.launching.definition import Published
from experiments.launching.plan import read_manifest
from experiments.reporting.statistics import Paired, Summary, compare_paired, steps_to, summarise
from idf.errors import RunError
from idf.runs.find import RunRecord, read_run
from idf.runs.history import finite_number

Curve = tuple[tuple[int, float], ...]
"""(step, bits/sample) of each validation."""


@dataclass(frozen=True)
class SeedResult:
    """One run of a study.

    Args:
        run: its folder as it is now; its state is ``new`` when it has not been started.
        curve: validations.
        evaluated: the model's row of ``evaluation/results.json``; None when not evaluated.
        others: the other codecs' rows there.
        command: for this run alone.
        evaluation_command: None when the study does not evaluate.
    """

    cell: str
    seed: int
    run: RunRecord
    curve: Curve
    evaluated: dict[str, Any] | None
    others: tuple[dict[str, Any], ...]
    command: str
    evaluation_command: str | None

    @property
    def name(self) -> str:
        return f"{self.cell}-s{self.seed}"

    @property
    def bits(self) -> float | None:
        """Bits/sample of the best validation of a run that finished, else None."""
        return self.run.state.best if self.run.state.name == "finished" else None

    @property
    def last_bits(self) -> float | None:
        """Bits/sample of the last validation of a run that finished, else None."""
        return self.curve[-1][1] if self.bits is not None and self.curve else None

    @property
    def coded_bits(self) -> float | None:
        """Bits/sample of the files that ``evaluate.py`` made."""
        return finite_number(self.evaluated.get("bits_per_sample")) if self.evaluated else None


@dataclass(frozen=True)
class CellResult:
    """All seeds of a cell.

    Args:
        summary, last: of the runs that finished, bits/sample of their best and of their last validation.
        reached: steps to the target, of the seeds that reached it.
    """

    name: str
    seeds: tuple[SeedResult, ...]
    summary: Summary
    last: Summary
    reached: tuple[int, ...]

    def count(self, state: str) -> int:
        """Seeds in this state."""
        return sum(seed.run.state.name == state for seed in self.seeds)

    @property
    def ended(self) -> int:
        """Seeds that finished or diverged."""
        return self.count("finished") + self.count("diverged")

    @property
    def median_steps(self) -> float | None:
        """To the target, over the seeds that reached it."""
        return median(self.reached) if self.reached else None

    @property
    def worst_seed(self) -> SeedResult | None:
        """The seed that diverged first, if one did, else the one with the most bits."""
        diverged = [seed for seed in self.seeds if seed.run.state.name == "diverged"]
        if diverged:
            return min(diverged, key=lambda seed: seed.run.state.step)
        finished = [seed for seed in self.seeds if seed.bits is not None]
        return max(finished, key=lambda seed: seed.bits or 0.0, default=None)


@dataclass(frozen=True)
class StudyResult:
    """Everything the report shows.

    Args:
        name: study and budget.
        target: bits/sample of the steps-to-target column; None when nothing was measured.
        comparisons: first cell, second cell, and how they compare.
        published: by cell.
    """

    name: str
    description: str
    folder: Path
    command: str
    cells: tuple[CellResult, ...]
    target: float | None
    comparisons: tuple[tuple[str, str, Paired], ...]
    published: Mapping[str, Published]

    @property
    def missing(self) -> list[SeedResult]:
        """Runs that have neither finished nor diverged."""
        return [
            seed for cell in self.cells for seed in cell.seeds if seed.run.state.name not in ("finished", "diverged")
        ]


def read_results(folder: Path, target: float | None = None) -> StudyResult:
    """Read a study's folder.

    Args:
        target: bits/sample; None takes the study's own, or what the middle cell reaches on average.

    Raises:
        RunError: it is not the folder of a study.
    """
    manifest = read_manifest(folder)
    try:
        seeds = [_seed(folder, entry) for entry in manifest["runs"]]
        report = manifest.get("report") or {}
        pairs = [(str(first), str(second)) for first, second in report.get("comparisons", ())]
        published = {cell: Published(**figure) for cell, figure in (report.get("published") or {}).items()}
        own = finite_number(report.get("target"))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder}/study.json is of another version; start the study again, it only writes this file anew"
        ) from error
    by_cell: dict[str, list[SeedResult]] = {}
    for seed in seeds:
        by_cell.setdefault(seed.cell, []).append(seed)
    target = target if target is not None else own if own is not None else _common_target(by_cell)
    cells = tuple(_cell(name, members, target) for name, members in by_cell.items())
    values = {
        name: {seed.seed: seed.bits for seed in members if seed.bits is not None} for name, members in by_cell.items()
    }
    compared = [(a, b, compare_paired(values[a], values[b])) for a, b in pairs if a in values and b in values]
    return StudyResult(
        name=folder.name,
        description=str(manifest.get("description", "")),
        folder=folder,
        command=shlex.join(str(argument) for argument in manifest.get("command", ())),
        cells=cells,
        target=target,
        comparisons=tuple(compared),
        published={cell: figure for cell, figure in published.items() if cell in by_cell},
    )


def _seed(folder: Path, entry: Mapping[str, Any]) -> SeedResult:
    run = read_run(folder / entry["run"])
    points = [
        (record["step"], finite_number(record.get("bits_per_dim")))
        for record in run.history()
        if record.get("kind") == "validation"
    ]
    rows = [row for row in (run.results() or {"rows": []})["rows"] if isinstance(row, dict)]
    arguments = entry.get("evaluate")
    return SeedResult(
        cell=str(entry["cell"]),
        seed=int(entry["seed"]),
        run=run,
        curve=tuple((step, value) for step, value in points if value is not None),
        evaluated=rows[0] if rows else None,
        others=tuple(rows[1:]),
        command=shlex.join(["python", "train.py", *entry["overrides"]]),
        evaluation_command=None
        if arguments is None
        else shlex.join(["python", "evaluate.py", f"run={run.folder}", *arguments]),
    )


def _cell(name: str, seeds: Sequence[SeedResult], target: float | None) -> CellResult:
    values = [seed.bits for seed in seeds if seed.bits is not None]
    reached = [steps_to(seed.curve, target) for seed in seeds if target is not None]
    return CellResult(
        name=name,
        seeds=tuple(seeds),
        summary=summarise(values),
        last=summarise([seed.last_bits for seed in seeds if seed.last_bits is not None]),
        reached=tuple(step for step in reached if step is not None),
    )


def _common_target(by_cell: Mapping[str, Sequence[SeedResult]]) -> float | None:
    """The next multiple of 0.05 above the mean of the middle cell: hard enough to tell cells apart."""
    means = [summarise([seed.bits for seed in seeds if seed.bits is not None]).mean for seeds in by_cell.values()]
    known = [mean for mean in means if mean is not None]
    return math.ceil(median_high(known) * 20) / 20 if known else None
