"""Results of a study: its runs by cell, read from their folders, and the statistics of each cell."""

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
"""Pairs (step, bits/sample), one per validation."""


@dataclass(frozen=True)
class SeedResult:
    """One run of a study.

    Args:
        cell, seed: its place in the study.
        run: its folder in its present state, which is ``new`` if the run has not been started.
        curve: its validations.
        evaluated: the model's row of ``evaluation/results.json``; None if not evaluated.
        others: the other codecs' rows in that file.
        command: trains this run alone.
        evaluation_command: evaluates it; None if the study does not evaluate.
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
        """Bits/sample of the best validation; None if the run has not finished."""
        return self.run.state.best if self.run.state.name == "finished" else None

    @property
    def last_bits(self) -> float | None:
        """Bits/sample of the last validation; None if the run has not finished."""
        return self.curve[-1][1] if self.bits is not None and self.curve else None

    @property
    def coded_bits(self) -> float | None:
        """Bits/sample of the files that ``evaluate.py`` wrote; None if not evaluated."""
        return finite_number(self.evaluated.get("bits_per_sample")) if self.evaluated else None


@dataclass(frozen=True)
class CellResult:
    """All seeds of a cell.

    Args:
        name: of the cell.
        seeds: its runs.
        summary, last: statistics of the best and of the last validation of finished runs, in bits/sample.
        reached: steps to the target, for the seeds that reached it.
    """

    name: str
    seeds: tuple[SeedResult, ...]
    summary: Summary
    last: Summary
    reached: tuple[int, ...]

    def count(self, state: str) -> int:
        """Return the number of seeds in this state."""
        return sum(seed.run.state.name == state for seed in self.seeds)

    @property
    def ended(self) -> int:
        """Number of seeds that finished or diverged."""
        return self.count("finished") + self.count("diverged")

    @property
    def median_steps(self) -> float | None:
        """Median number of steps to the target over the seeds that reached it; None if none did."""
        return median(self.reached) if self.reached else None

    @property
    def worst_seed(self) -> SeedResult | None:
        """The seed that diverged first, else the one with the most bits/sample."""
        diverged = [seed for seed in self.seeds if seed.run.state.name == "diverged"]
        if diverged:
            return min(diverged, key=lambda seed: seed.run.state.step)
        finished = [seed for seed in self.seeds if seed.bits is not None]
        return max(finished, key=lambda seed: seed.bits or 0.0, default=None)


@dataclass(frozen=True)
class StudyResult:
    """All results that the report shows.

    Args:
        name: study and budget.
        description: the question that the study answers.
        folder: of the study.
        command: that started the study.
        cells: in the order of the study.
        target: bits/sample of the steps-to-target column; None if no run has finished.
        comparisons: first cell, second cell, and their paired statistics.
        published: published figures, by cell.
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
    """Read the results of the study in ``folder``.

    Args:
        folder: of the study.
        target: bits/sample; None uses the study's own, or one that the median cell reaches on average.

    Raises:
        RunError: ``folder`` is not that of a study.
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
            f"{folder}/study.json is of another version; start the study again to rewrite it (finished runs are kept)"
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
    """Return the mean of the median cell, rounded up to a multiple of 0.05: hard enough to tell cells apart."""
    means = [summarise([seed.bits for seed in seeds if seed.bits is not None]).mean for seeds in by_cell.values()]
    known = [mean for mean in means if mean is not None]
    return math.ceil(median_high(known) * 20) / 20 if known else None
