"""The tables of a report, as rows of text and numbers that can be written as Markdown, HTML, CSV or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.reporting.results import CellResult, SeedResult, StudyResult
from experiments.reporting.statistics import Interval, rate_interval, summarise
from idf.page.markup import Markup, element, join
from idf.page.markup import table as markup_table
from idf.runs.history import finite_number
from idf.tables import to_csv, to_latex, to_markdown, to_terminal
from idf.text import DASH, bits, formatted, times

if TYPE_CHECKING:
    import rich.table


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        name: of its files.
        title: heading or caption.
        columns: column headings.
        rows: cells as shown.
        note: what the columns mean.
        records: the rows with full precision, for CSV; values that do not apply are None.
        texts: number of left-aligned text columns at the left; the others are right-aligned numbers.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    records: tuple[Mapping[str, object], ...]
    texts: int = 1

    @property
    def alignment(self) -> str:
        """Alignment of the columns, as in :mod:`idf.tables`."""
        return "l" * self.texts + "r" * (len(self.columns) - self.texts)

    def markdown(self) -> str:
        """Return a heading, the table and its note."""
        return f"## {self.title}\n\n{to_markdown(self.columns, self.rows, self.alignment)}\n{self.note}\n"

    def terminal(self) -> rich.table.Table:
        """Return the table for rich; text columns may wrap."""
        return to_terminal(
            self.columns, self.rows, self.alignment, title=self.title, wrapped=self.columns[: self.texts]
        )

    def html(self) -> Markup:
        """Return the table and its note as HTML."""
        numbers = [letter == "r" for letter in self.alignment]
        return join(
            [markup_table(self.title, self.columns, self.rows, numbers), element("p", self.note, class_="note")]
        )

    def csv(self) -> str:
        """Return a header line and the records with full precision."""
        return to_csv(self.records)

    def latex(self) -> str:
        """Return a ``table`` environment with the title as its caption."""
        return to_latex(self.columns, self.rows, self.alignment, self.title)


def cells_table(result: StudyResult) -> Table:
    """Return the table of cells: statistics over seeds, on the validation clips."""
    target = "target" if result.target is None else f"{result.target:g}"
    rows, records = [], []
    for cell in result.cells:
        summary, worst = cell.summary, cell.worst_seed
        rate = rate_interval(cell.count("diverged"), cell.ended)
        rows.append(
            (
                cell.name,
                f"{cell.count('finished')} of {len(cell.seeds)}",
                _rate(cell.count("diverged"), cell.ended, rate),
                plus_minus(summary.mean, summary.deviation),
                interval(summary.interval),
                bits(summary.interquartile_mean),
                _worst(worst),
                plus_minus(cell.last.mean, cell.last.deviation),
                _steps(cell),
            )
        )
        records.append(
            {
                "cell": cell.name,
                "seeds": len(cell.seeds),
                "finished": cell.count("finished"),
                "diverged": cell.count("diverged"),
                "divergence_low": rate and rate.low,
                "divergence_high": rate and rate.high,
                "mean": summary.mean,
                "deviation": summary.deviation,
                "interval_low": summary.interval and summary.interval.low,
                "interval_high": summary.interval and summary.interval.high,
                "interquartile_mean": summary.interquartile_mean,
                "best": summary.best,
                "worst": summary.worst,
                "worst_seed": worst and worst.seed,
                "last_mean": cell.last.mean,
                "last_deviation": cell.last.deviation,
                "target": result.target,
                "reached_target": len(cell.reached),
                "median_steps_to_target": cell.median_steps,
            }
        )
    return Table(
        "cells",
        "Bits/sample on validation clips, over seeds",
        ("cell", "finished", "diverged", "mean ± sd", "95 % interval", "IQM", "worst", "last", f"steps to {target}"),
        tuple(rows),
        "Bits/sample of each run's best validation (−log₂ p of whole clips), over the runs that finished; runs that "
        "diverged count in the column diverged only. Diverged: rate with Wilson's 95 % interval. 95 % interval: of the "
        "mean, by bootstrap over seeds (too narrow for fewer than about five). IQM: interquartile mean. Last: mean ± sd of "
        "the last validation; a value well above the mean indicates that training lost what it had reached, as after a jump "
        "of the sharpness. Steps: median over the seeds that reached the target, and their number.",
        tuple(records),
    )


def comparisons_table(result: StudyResult) -> Table | None:
    """Return the table of paired comparisons, or None if the study has none."""
    if not result.comparisons:
        return None
    rows, records = [], []
    for first, second, paired in result.comparisons:
        count = len(paired.seeds)
        rows.append(
            (
                f"{first} → {second}",
                str(count),
                formatted(paired.difference, "+.4f"),
                interval(paired.interval, "+.4f"),
                f"{paired.wins} of {count}",
                formatted(paired.p_value, ".3f"),
            )
        )
        records.append(
            {
                "first": first,
                "second": second,
                "seeds": " ".join(map(str, paired.seeds)),
                "difference": paired.difference,
                "interval_low": paired.interval and paired.interval.low,
                "interval_high": paired.interval and paired.interval.high,
                "second_better": paired.wins,
                "p_value": paired.p_value,
            }
        )
    return Table(
        "comparisons",
        "Paired comparisons over common seeds",
        ("first → second", "seeds", "difference", "95 % interval", "second better", "p"),
        tuple(rows),
        "Difference: bits/sample of the second minus the first, mean over the seeds for which both finished; negative if "
        "the second is better. p: two-sided sign-flip test; with n seeds p is at least 2^(1−n), so five seeds or fewer "
        "cannot give p < 0.05.",
        tuple(records),
    )


def codecs_table(result: StudyResult, commands: list[str]) -> Table | None:
    """Return the table of compressed file sizes, with other codecs and published figures; None without evaluations.

    Args:
        result: of the study.
        commands: the commands of the rows are appended to this list; rows refer to them by number.
    """
    rows: list[tuple[str, ...]] = []
    records: list[Mapping[str, object]] = []

    def add(
        codec: str, where: str, values: Sequence[float], example: Mapping[str, object], command: str, note: str
    ) -> None:
        summary = summarise(values)
        mean = summary.mean or float("nan")
        if command and command not in commands:
            commands.append(command)
        rows.append(
            (
                codec,
                where,
                str(example.get("window") or DASH),
                plus_minus(summary.mean, summary.deviation),
                f"{16 / mean:.3f}",
                times(finite_number(example.get("encode_x_realtime"))),
                times(finite_number(example.get("decode_x_realtime"))),
                str(len(values)) if command and "seeds" in note else DASH,
                f"[{commands.index(command) + 1}]" if command else DASH,
            )
        )
        records.append(
            {
                "codec": codec,
                "measured_on": where,
                "window": example.get("window"),
                "bits_per_sample": summary.mean,
                "deviation": summary.deviation,
                "compression_ratio": 16 / mean,
                "encode_x_realtime": example.get("encode_x_realtime"),
                "decode_x_realtime": example.get("decode_x_realtime"),
                "runs": len(values) if command else "",
                "command": command,
                "note": note,
            }
        )

    others: dict[tuple[object, ...], tuple[SeedResult, dict[str, object]]] = {}
    for cell in result.cells:
        evaluated = [seed for seed in cell.seeds if seed.coded_bits is not None]
        if evaluated:
            first = evaluated[0]
            values = [seed.coded_bits for seed in evaluated if seed.coded_bits is not None]
            add(
                f"ours, {cell.name}",
                _where(first.evaluated),
                values,
                first.evaluated or {},
                _cell_command(evaluated),
                "seeds",
            )
        for seed in evaluated:
            for row in seed.others:
                others.setdefault((row.get("codec"), row.get("dataset"), row.get("split")), (seed, row))
        if cell.name in result.published:
            figure = result.published[cell.name]
            window = {"window": next((seed.run.settings.get("model.window") for seed in cell.seeds), None)}
            add(
                f"{figure.source}, {cell.name}",
                figure.note or "as published",
                [figure.bits_per_sample],
                window,
                "",
                "published",
            )
    if not any(seed.coded_bits is not None for cell in result.cells for seed in cell.seeds):
        return None
    for seed, row in sorted(others.values(), key=lambda found: finite_number(found[1].get("bits_per_sample")) or 0.0):
        value = finite_number(row.get("bits_per_sample"))
        if value is not None:
            add(str(row.get("codec")), _where(row), [value], row, seed.evaluation_command or "", "other codec")
    return Table(
        "codecs",
        "Files on held-out clips",
        ("codec", "measured on", "window", "bits/sample", "ratio", "encode", "decode", "seeds", "command"),
        tuple(rows),
        "Bits/sample of our models and other codecs: 8 × file bytes / samples, headers included; every file was decoded in "
        "another process and compared. ± is the standard deviation over seeds. Encode, decode: seconds of audio per CPU "
        "second, for the first seed. Published figures are as measured by their authors and not directly comparable.",
        tuple(records),
        texts=2,
    )


def runs_table(result: StudyResult) -> Table:
    """Return the table of runs."""
    rows, records = [], []
    for cell in result.cells:
        for seed in cell.seeds:
            state = seed.run.state
            rows.append(
                (seed.name, state.name, str(state.step), bits(state.best), bits(seed.coded_bits), seed.run.folder.name)
            )
            records.append(
                {
                    "cell": cell.name,
                    "seed": seed.seed,
                    "state": state.name,
                    "step": state.step,
                    "best_validation_bits_per_sample": state.best,
                    "coded_test_bits_per_sample": seed.coded_bits,
                    "reason": state.reason or "",
                    "run": str(seed.run.folder),
                    "command": seed.command,
                }
            )
    return Table(
        "runs",
        "Runs",
        ("run", "state", "step", "best validation", "coded", "folder"),
        tuple(rows),
        "Bits/sample. Coded: of the files written by evaluate.py.",
        tuple(records),
    )


def plus_minus(mean: float | None, deviation: float | None) -> str:
    """Return ``8.9123 ± 0.0045``, or just the mean for a single value."""
    return bits(mean) if deviation is None else f"{bits(mean)} ± {bits(deviation)}"


def interval(found: Interval | None, form: str = ".4f") -> str:
    """Return ``8.91 to 8.93``, or a dash for None."""
    return DASH if found is None else f"{found.low:{form}} to {found.high:{form}}"


def _rate(hits: int, count: int, found: Interval | None) -> str:
    if found is None:
        return DASH
    return f"{hits} of {count} ({100 * found.low:.0f}–{100 * found.high:.0f} %)"


def _worst(seed: SeedResult | None) -> str:
    if seed is None:
        return DASH
    if seed.run.state.name == "diverged":
        return f"s{seed.seed} diverged at {seed.run.state.step}"
    return f"{bits(seed.bits)} (s{seed.seed})"


def _steps(cell: CellResult) -> str:
    if cell.median_steps is None:
        return DASH
    return f"{cell.median_steps:g} ({len(cell.reached)} of {len(cell.seeds)})"


def _cell_command(seeds: Sequence[SeedResult]) -> str:
    """Return one line that trains all of these runs and evaluates the first."""
    numbers = ",".join(str(seed.seed) for seed in seeds)
    train = re.sub(r"\bseed=\d+$", f"seed={numbers}", seeds[0].command)
    if len(seeds) > 1:
        train = train.replace("train.py", "train.py -m", 1)
    return f"{train}; {seeds[0].evaluation_command}" if seeds[0].evaluation_command else train


def _where(row: Mapping[str, object] | None) -> str:
    return f"{row.get('dataset')}, {row.get('split')}" if row else DASH
