"""The command ``python evaluate.py``, from its arguments to the printed table."""

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
from typing import TYPE_CHECKING, Any

import numpy as np

from idf.datasets.dataset import Dataset, open_dataset
from idf.errors import OutputError, RunError
from idf.evaluation.codec_plots import plot_codecs
from idf.evaluation.codecs.baselines import find_baselines
from idf.evaluation.codecs.flac import DEFAULT_BLOCK
from idf.evaluation.codecs.interface import CodecError, Entry
from idf.evaluation.codecs.ours import ModelCodec
from idf.evaluation.machine import cpu_name
from idf.evaluation.measurement import Measurement, WorkerCrash, WorkingClip, lay_out, measure, unavailable
from idf.evaluation.models import Subject, Target, target_of_models, target_of_run
from idf.evaluation.options import USAGE, Options, parse_options
from idf.evaluation.report.example_clip import ExampleClip, make_example_clip
from idf.evaluation.report.html import write_page
from idf.evaluation.report.markdown import write_report
from idf.evaluation.report.sounds import Sounds, make_sounds
from idf.evaluation.results import (
    Results,
    Row,
    clip_records,
    excess_warning,
    make_row,
    results_terminal,
    write_results,
)
from idf.evaluation.training_windows import training_windows_bits
from idf.files import output_errors
from idf.models.interface import Codec
from idf.models.load import load_codec
from idf.runs.curves import plot_history
from idf.runs.find import open_run
from idf.runs.history import read_history
from idf.runs.run import Run, RunFolder, environment
from idf.terminal import open_console, progress_bar
from idf.training.framework import prepare_tensorflow
from idf.training.tracking.trackers import log_table

if TYPE_CHECKING:
    from rich.progress import TaskID

PLAIN_WIDTH = 150
"""Line width in characters when the output is not a terminal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``evaluate.py`` with ``argv`` (default: ``sys.argv[1:]``) and return the exit status.

    Raises:
        UserError: anything the user can fix.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help", "help"} & set(argv):
        print(USAGE)
        return 0
    options = parse_options(argv)
    if options.run:
        target = target_of_run(open_run(options.run, with_model=True), options.data, options.models)
    else:
        target = target_of_models(options.models, options.data)
    dataset = open_dataset(target.config.data)
    _check_early(target.run)
    results, example, sounds = evaluate(target, dataset, options)
    paths = write_evaluation(target.run, results, example, sounds)
    track(target, results)
    _print(results, paths[-1])
    return 0


def evaluate(target: Target, dataset: Dataset, options: Options) -> tuple[Results, ExampleClip, Sounds]:
    """Measure models and baselines on one split; the first model's compressed files go to ``evaluation/files/``.

    Returns:
        the results, the example clip for the report page, and the audio for the page.

    Raises:
        RunError: the split has no clips, a codec is not lossless, or a model cannot code the clips.
    """
    clips = getattr(dataset, options.split)
    if not clips:
        raise RunError(
            f"the {options.split} split of {dataset.name} ({dataset.split}) has no clips; "
            "choose another split=, or change data.train_fraction, data.validation_fraction or the clip lists"
        )
    names = dataset.name, f"{options.split} of {dataset.split}"
    warnings = []
    if options.split == "train":
        warnings.append(
            "these clips are from the training split, so the figures do not tell how well the model compresses other audio"
        )
    windows = sorted({subject.window or DEFAULT_BLOCK for subject in target.subjects})
    baselines, not_made = find_baselines(options.baselines, windows)
    rows: list[Row] = []
    per_clip: dict[str, tuple[dict[str, Any], ...]] = {}
    with tempfile.TemporaryDirectory(prefix="idf-evaluate-") as place, progress_bar(transient=False) as progress:
        folder = Path(place)
        laid_out = lay_out(dataset, clips, _subfolder(folder, "clips"))
        total = sum(clip.samples for clip in laid_out)

        def bar(label: str, passes: int) -> tuple[TaskID, Callable[[int], None]]:
            task = progress.add_task(label, total=passes * total)
            return task, lambda samples: progress.advance(task, samples)

        kept = []
        for number, subject in enumerate(target.subjects):
            own = _subfolder(folder, f"model-{number}")
            # Measure a copy: a run that is still training may replace its model at any time.
            with output_errors(own):
                model = Path(shutil.copy(subject.model, own))
            entry = model_entry(subject, model)
            measured = _measure_model(entry, laid_out, _subfolder(own, "files"), bar(entry.codec, 2)[1])
            prepare_tensorflow(target.config)
            from idf.training.families.load import model_nll_bits  # deferred: loads TensorFlow, which is set up first

            nll = model_nll_bits(model, (np.load(clip.pcm) for clip in laid_out), bar(f"{entry.codec}: −log2 p", 1)[1])
            rows.append(make_row(entry, *names, measured, nll, _training_windows(subject, model, dataset)))
            per_clip[entry.codec] = clip_records(measured.clips, nll)
            kept.append((model, measured))
        for number, baseline in enumerate(baselines):
            task, advance = bar(baseline.codec, 2)
            try:
                found = measure(baseline, laid_out, _subfolder(folder, f"baseline-{number}"), advance)
            except CodecError as error:
                progress.remove_task(task)  # the bar would never fill up; the table gives the reason
                not_made.append(unavailable(baseline, error))
                continue
            rows.append(make_row(baseline, *names, found))
            per_clip[baseline.codec] = clip_records(found.clips)
        codecs = [load_codec(model, target.config.coder) for model, _ in kept]
        facts = about(target, codecs, dataset)
        _keep_files(kept[0][1], target.run.evaluation / "files")
        warnings += [excess for row in rows[: len(kept)] if (excess := excess_warning(row))]
        results = Results(tuple(rows), tuple(not_made), tuple(warnings), facts, per_clip)
        sounds = make_sounds(codecs[0], dataset, clips, bar("audio for the report page", 1)[1])
        task = progress.add_task("example clip for the report page", total=1)
        example = make_example_clip(codecs[0], dataset, clips, results)
        progress.advance(task)
    return results, example, sounds


def _training_windows(subject: Subject, model: Path, dataset: Dataset) -> float | None:
    if subject.window is None or subject.config.context != "none":
        return None
    return training_windows_bits(load_codec(model, subject.config.coder), dataset, subject.window)


def model_entry(subject: Subject, model: Path) -> Entry:
    """Return the table entry of the model file ``model``, a copy of ``subject.model``."""
    coder = subject.config.coder
    return Entry(subject.label, f"idf, {coder}", subject.window, ModelCodec(str(model.resolve()), coder))


def write_evaluation(run: RunFolder, results: Results, example: ExampleClip, sounds: Sounds) -> list[Path]:
    """Write results, tables, figures, page and report to the run's ``evaluation/`` folder; return the paths, report last.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = run.evaluation
    paths = write_results(results, folder)
    figures = plot_codecs(results.rows, folder / "plots")
    if run.history_path.is_file():
        figures += plot_history(run.history_path, folder / "plots")
    paths.append(write_page(results, run, example, sounds, folder))
    return [*paths, *figures, write_report(results, figures, folder, run.folder)]


def track(target: Target, results: Results) -> None:
    """Log the table to the Weights & Biases run that belongs to the run, if there is one."""
    columns = [field.name for field in fields(Row)]
    rows = [[getattr(row, name) for name in columns] for row in results.rows]
    log_table(Run(target.run.folder), target.config, "evaluation", columns, rows)


def about(target: Target, codecs: Sequence[Codec], dataset: Dataset) -> dict[str, Any]:
    """Return what is needed to repeat the evaluation: command, versions, machine, models, data.

    Args:
        codecs: one for each evaluated model, of any family.
    """

    def model(codec: Codec) -> dict[str, Any]:
        provenance = {name: value for name, value in codec.provenance.items() if name != "config"}
        return {"fingerprint": codec.fingerprint.hex(), "coder": target.config.coder, **provenance}

    return environment() | {
        "cpu": cpu_name(),
        "evaluated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "run": str(target.run.folder),
        "model": model(codecs[0]),
        "other_models": [model(codec) for codec in codecs[1:]],
        "data": {"name": dataset.name, "split": dataset.split, "fingerprint": dataset.fingerprint},
        "resampled_hz": dataset.resample_hz,
    }


def _check_early(run: RunFolder) -> None:
    """Check, before a long evaluation starts, that its results can be written.

    Raises:
        OutputError: the run's folder cannot be written.
        RunError: the run's history is damaged.
    """
    if not os.access(run.folder, os.W_OK):
        raise OutputError(
            f"cannot write {run.evaluation}: the run's folder is read-only; evaluate a copy of the folder"
        )
    if run.history_path.is_file():
        read_history(run.history_path)


def _measure_model(
    entry: Entry, clips: Sequence[WorkingClip], folder: Path, advance: Callable[[int], None]
) -> Measurement:
    try:
        return measure(entry, clips, folder, advance)
    except WorkerCrash as error:
        raise RuntimeError(str(error)) from error  # a bug in idf: show the traceback
    except CodecError as error:
        raise RunError(f"{entry.codec} cannot code these clips: {error}") from error


def _keep_files(measurement: Measurement, folder: Path) -> None:
    """Move the compressed files to ``folder``, named after their clips; replaces files of an earlier evaluation."""
    with output_errors(folder):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for clip, file in zip(measurement.clips, measurement.files, strict=True):
            # Clip names of a folder data set may contain slashes and other special characters.
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


def _print(results: Results, report: Path) -> None:
    console = open_console(PLAIN_WIDTH)
    for part in results_terminal(results, console.width):
        console.print(part)
    console.print(
        f"written to {report.parent}/: report.html, report.md, table.md, table.csv, results.json", soft_wrap=True
    )
