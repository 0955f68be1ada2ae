"""What ``python evaluate.py`` does, from the command line to the printed table."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from idf.datasets.dataset import Dataset, open_dataset
from idf.errors import OutputError, RunError
from idf.evaluation.codecs.baselines import find_baselines
from idf.evaluation.codecs.flac import DEFAULT_BLOCK
from idf.evaluation.codecs.interface import CodecError, Entry
from idf.evaluation.codecs.ours import ModelCodec
from idf.evaluation.machine import cpu_name
from idf.evaluation.measurement import Measurement, WorkerCrash, WorkingClip, lay_out, measure, why_not_made
from idf.evaluation.models import Subject, open_models, subject_of_run
from idf.evaluation.options import USAGE, Options, data_config, parse_options
from idf.evaluation.report.example_clip import Exhibit, make_exhibit
from idf.evaluation.report.html import write_page
from idf.evaluation.report.markdown import write_report
from idf.evaluation.results import (
    Results,
    Row,
    clip_records,
    excess_warning,
    make_row,
    plot_codecs,
    to_terminal,
    write_results,
)
from idf.files import output_errors
from idf.models.load import load_codec
from idf.runs.curves import plot_history, read_history
from idf.runs.find import EvaluatedRun, open_run
from idf.runs.run import Run, environment
from idf.training.families.load import model_nll_bits
from idf.training.framework import prepare_tensorflow
from idf.training.trackers import log_table


def main(words: Sequence[str] | None = None) -> int:
    """Run ``evaluate.py`` with ``words`` (the process's own if None). Returns the exit status.

    Raises:
        UserError: anything the user can mend.
    """
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help", "help"} & set(words):
        print(USAGE)
        return 0
    options = parse_options(words)
    if options.models:
        run, subjects = open_models(options.models, options.data)
    else:
        run = open_run(options.run, options.study)
        subjects = [subject_of_run(run)]
    dataset = open_dataset(run.config.data if options.models else data_config(run, options.data))
    _check_early(run)
    # Progress goes to standard error, the table to standard output.
    results, exhibit = evaluate(run, subjects, dataset, options, Console(stderr=True))
    paths = write_evaluation(run, results, exhibit)
    track(run, results)
    _print(results, paths[-1])
    return 0


def evaluate(
    run: EvaluatedRun, subjects: Sequence[Subject], dataset: Dataset, options: Options, console: Console
) -> tuple[Results, Exhibit]:
    """Measure models and the baselines on one split. Keeps the first model's files in ``evaluation/files/``.

    Returns:
        what was found, and the clip that the page shows.

    Raises:
        RunError: the split has no clips, or a codec is not lossless, or the model cannot code.
    """
    clips = getattr(dataset, options.split)
    if not clips:
        raise RunError(
            f"the {options.split} split of {dataset.name} ({dataset.split}) has no clips; "
            "choose another split=, or change data.train_fraction, data.validation_fraction or the lists of clips"
        )
    names = dataset.name, f"{options.split} of {dataset.split}"
    warnings = []
    if options.split == "train":
        warnings.append("these are clips of the training split: the figures say nothing about other audio")
    windows = sorted({subject.window or DEFAULT_BLOCK for subject in subjects})
    baselines, not_made = find_baselines(options.baselines, windows)
    rows: list[Row] = []
    per_clip: dict[str, tuple[dict[str, Any], ...]] = {}
    with tempfile.TemporaryDirectory(prefix="idf-evaluate-") as place, _progress(console) as progress:
        folder = Path(place)
        laid_out = lay_out(dataset, clips, _subfolder(folder, "clips"))
        total = sum(clip.samples for clip in laid_out)

        def bar(label: str, passes: int) -> Callable[[int], None]:
            task = progress.add_task(label, total=passes * total)
            return lambda samples: progress.advance(task, samples)

        kept = []
        for number, subject in enumerate(subjects):
            own = _subfolder(folder, f"model-{number}")
            # A copy: a run that is still training may replace its model at any time.
            with output_errors(own):
                model = Path(shutil.copy(subject.model, own))
            entry = model_entry(subject, model)
            measured = _measure_model(entry, laid_out, _subfolder(own, "files"), bar(entry.codec, 2))
            prepare_tensorflow(run.config)
            nll = model_nll_bits(model, (np.load(clip.pcm) for clip in laid_out), bar("its −log2 p", 1))
            rows.append(make_row(entry, *names, measured, nll))
            per_clip[entry.codec] = clip_records(measured.clips, nll)
            kept.append((model, measured))
        for number, baseline in enumerate(baselines):
            try:
                found = measure(baseline, laid_out, _subfolder(folder, f"baseline-{number}"), bar(baseline.codec, 2))
            except CodecError as error:
                not_made.append(why_not_made(baseline, error))
                continue
            rows.append(make_row(baseline, *names, found))
            per_clip[baseline.codec] = clip_records(found.clips)
        codecs = [load_codec(model, run.config.coder) for model, _ in kept]
        facts = about(run, codecs, dataset)
        _keep_files(kept[0][1], run.evaluation / "files")
        warnings += [excess for row in rows[: len(kept)] if (excess := excess_warning(row))]
        results = Results(tuple(rows), tuple(not_made), tuple(warnings), facts, per_clip)
        progress.add_task("one clip for the page", total=None)
        exhibit = make_exhibit(codecs[0], dataset, clips, results)
    return results, exhibit


def model_entry(subject: Subject, model: Path) -> Entry:
    """A model file as a row; ``model`` is where it lies now."""
    coder = subject.config.coder
    return Entry(subject.label, f"idf, {coder}", subject.window, ModelCodec(str(model.resolve()), coder))


def write_evaluation(run: EvaluatedRun, results: Results, exhibit: Exhibit) -> list[Path]:
    """Write results, tables, figures, the page and the report under the run's ``evaluation/``; the report comes last.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = run.evaluation
    paths = write_results(results, folder)
    figures = plot_codecs(results.rows, folder / "plots")
    if run.history.is_file():
        figures += plot_history(run.history, folder / "plots")
    paths.append(write_page(results, run, exhibit, folder))
    return [*paths, *figures, write_report(results, figures, folder, run.folder)]


def track(run: EvaluatedRun, results: Results) -> None:
    """Add the table to the run's Weights & Biases run, where it has one."""
    columns = [field.name for field in fields(Row)]
    rows = [[getattr(row, name) for name in columns] for row in results.rows]
    log_table(Run(run.folder), run.config, "evaluation", columns, rows)


def about(run: EvaluatedRun, codecs: Sequence[Any], dataset: Dataset) -> dict[str, Any]:
    """All that is needed to repeat the evaluation: command, versions, machine, models, data.

    Args:
        codecs: of the evaluated models, of any family.
    """

    def model(codec: Any) -> dict[str, Any]:
        provenance = {name: value for name, value in codec.provenance.items() if name != "config"}
        return {"fingerprint": codec.fingerprint.hex(), "coder": run.config.coder, **provenance}

    return environment() | {
        "cpu": cpu_name(),
        "evaluated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "run": str(run.folder),
        "model": model(codecs[0]),
        "other_models": [model(codec) for codec in codecs[1:]],
        "data": {"name": dataset.name, "split": dataset.split, "fingerprint": dataset.fingerprint},
        "resampled_hz": dataset.resample_hz,
    }


def _check_early(run: EvaluatedRun) -> None:
    """Find what would spoil the end of a long evaluation before it begins.

    Raises:
        OutputError: the run's folder cannot be written.
        RunError: the run's history is damaged.
    """
    if not os.access(run.folder, os.W_OK):
        raise OutputError(f"cannot write {run.evaluation}: the run's folder is read-only; evaluate a copy of it")
    if run.history.is_file():
        read_history(run.history)


def _measure_model(
    entry: Entry, clips: Sequence[WorkingClip], folder: Path, advance: Callable[[int], None]
) -> Measurement:
    try:
        return measure(entry, clips, folder, advance)
    except WorkerCrash as error:
        raise RuntimeError(str(error)) from error  # a bug of ours keeps its traceback
    except CodecError as error:
        raise RunError(f"{entry.codec} cannot code these clips: {error}") from error


def _keep_files(measurement: Measurement, folder: Path) -> None:
    """Move the model's files to where the user finds them, named after their clips; those of an earlier time go."""
    with output_errors(folder):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for clip, file in zip(measurement.clips, measurement.files, strict=True):
            # Clip names of a folder data set may hold slashes and more.
            name = re.sub(r"[^\w.-]+", "_", clip.name)
            target = folder / f"{name}{file.suffix}"
            if target.exists():
                target = folder / f"{name}-{file.stem}{file.suffix}"
            shutil.move(file, target)


def _subfolder(folder: Path, name: str) -> Path:
    made = folder / name
    with output_errors(made):
        made.mkdir()
    return made


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
    )


def _print(results: Results, report: Path) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    for part in to_terminal(results, console.width):
        console.print(part)
    console.print(
        f"written to {report.parent}/: report.html, report.md, table.md, table.csv, results.json", soft_wrap=True
    )
