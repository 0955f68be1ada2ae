"""``report.html``: a run's evaluation as one self-contained page, without other files or network access."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from idf.evaluation.report import clip_sections as page_clip
from idf.evaluation.report import result_sections as page_results
from idf.evaluation.report.example_clip import ExampleClip
from idf.evaluation.report.sounds import Sounds
from idf.evaluation.results import Results, caption
from idf.files import atomic_write_text
from idf.page.document import Section, document, figure_of, folded
from idf.page.markup import Markup, element, join
from idf.runs.curves import draw_history
from idf.runs.find import read_run
from idf.runs.run import RunFolder

FIGURE_INCHES = 3.8
"""Width of a figure that is legible on a phone, and beside another figure on larger screens."""
_CURVES = {
    "bits_per_dimension": "Bits per sample over optimiser steps: training windows, validation clips, and clips coded to bytes",
    "compression_ratio": "Compression ratio over optimiser steps: training windows, validation clips, and clips coded to bytes",
}


def write_page(results: Results, run: RunFolder, example: ExampleClip, sounds: Sounds, folder: Path) -> Path:
    """Write ``report.html`` to ``folder`` and return its path.

    Args:
        results: of this evaluation.
        run: its history, settings and command are shown if present.
        example: the clip to show in detail.
        sounds: audio of all clips, and drawn from the model.
        folder: where the page goes.

    Raises:
        RunError: the history is damaged.
        OutputError: the folder cannot be written.
    """
    path = folder / "report.html"
    atomic_write_text(path, page(results, run, example, sounds))
    return path


def page(results: Results, run: RunFolder, example: ExampleClip, sounds: Sounds) -> str:
    """Return the page as HTML text; see :func:`write_page`."""
    model = results.rows[0]
    header = [
        element("h1", model.codec),
        element("p", f"{caption(results)}. Every file was decoded and compared with the original.", class_="note"),
        page_results.warnings(results),
        page_results.headline(results),
    ]
    latents = page_clip.latents(example) if example.coded.blocks else Markup()
    first_blocks = page_clip.reconstruction(example) if example.steps else Markup()
    made = page_results.method(results, run.folder, _commands(results, run), _settings(run))
    sections = [
        Section("codecs", "Comparison with other codecs", page_results.codecs(results)),
        Section("training", "Training", training(run)),
        Section("clips", "Clip by clip", page_results.clips(results, sounds)),
        Section("rate", "Where the bits go", page_clip.one_clip(example)),
        Section("latents", "Latents and log-scales", latents),
        Section("progressive", "Decoded from the first blocks", first_blocks),
        Section("drawn", "Drawn from the model", page_results.drawn(sounds)),
        Section("method", "How this was made", made),
    ]
    title = f"{model.codec}: {model.bits_per_sample:.4f} bits/sample on {model.dataset}"
    return document(title, header, sections)


def training(run: RunFolder) -> Markup:
    """Return the training curves; empty for a run without history.

    Raises:
        RunError: the history is damaged.
    """
    figures = draw_history(run.history_path, FIGURE_INCHES) if run.history_path.is_file() else {}
    shown = [figure_of(figures[name], name, words) for name, words in _CURVES.items() if name in figures]
    parts = [element("div", *shown, class_="side")] if shown else []
    if "log_scales" in figures:
        words = "Log-scale of each block's logistic priors over optimiser steps: mean, minimum and maximum"
        drawn = figure_of(figures["log_scales"], "log_scales", words)
        parts.append(folded("Log-scales of each block during training", drawn))
    return join(parts)


def _commands(results: Results, run: RunFolder) -> list[Sequence[str]]:
    """Return the recorded commands that trained and evaluated the run."""
    sources = [read_run(run.folder).environment, results.about]
    return [source["command"] for source in sources if source.get("command")]


def _settings(run: RunFolder) -> str | None:
    return run.config_path.read_text() if run.config_path.is_file() else None
