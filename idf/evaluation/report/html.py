"""``report.html``: a run's evaluation on one page that needs nothing else, neither files beside it nor a network.

Figures are SVG in the page, audio is FLAC in the page, there are no scripts. It reads on a phone, supports dark
mode and screen readers. Everything that comes from outside (names of clips, settings, messages) is escaped by
:mod:`idf.evaluation.report.markup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from idf.evaluation.report import clip_sections as page_clip
from idf.evaluation.report import result_sections as page_results
from idf.evaluation.report.example_clip import ExampleClip
from idf.evaluation.report.markup import Markup, element, join
from idf.evaluation.report.style import STYLE
from idf.evaluation.report.svg import inline_svg
from idf.evaluation.results import Results, caption
from idf.files import atomic_write_text
from idf.runs.curves import draw_history
from idf.runs.find import read_run
from idf.runs.run import RunFolder

FIGURE_INCHES = 4.2
"""Width of a figure whose letters are of a good size on a phone, and side by side with another elsewhere."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
"""What a browser may load: what is in the page."""
_CURVES = {
    "loss": "Loss of training windows over optimiser steps",
    "bits_per_dimension": "Bits per sample over optimiser steps: training windows, validation clips, really coded clips",
}


def write_page(results: Results, run: RunFolder, example: ExampleClip, folder: Path) -> Path:
    """Write ``report.html`` into ``folder``.

    Args:
        results: of this evaluation.
        run: its history, settings and command are shown where they are there.
        example: the clip that is shown.

    Returns:
        the page.

    Raises:
        RunError: the history is damaged.
        OutputError: the folder cannot be written.
    """
    path = folder / "report.html"
    atomic_write_text(path, page(results, run, example))
    return path


def page(results: Results, run: RunFolder, example: ExampleClip) -> str:
    """The page as text; see :func:`write_page`."""
    sections = [
        ("codecs", "Among other codecs", page_results.codecs(results)),
        ("training", "Training", training(run)),
        ("clips", "Clip by clip", page_results.clips(results)),
        ("rate", "Where the bits go", page_clip.one_clip(example)),
        ("latents", "Latents and log-scales", page_clip.latents(example) if example.coded.blocks else Markup()),
        ("progressive", "From the first blocks only", page_clip.reconstruction(example) if example.steps else Markup()),
        (
            "method",
            "How this was made",
            page_results.method(results, run.folder, _commands(results, run), _settings(run)),
        ),
    ]
    sections = [section for section in sections if section[2]]
    model = results.rows[0]
    title = f"{model.codec}: {model.bits_per_sample:.4f} bits/sample on {model.dataset}"
    links = [element("li", element("a", heading, href=f"#{name}")) for name, heading, _ in sections]
    body = element(
        "body",
        element(
            "header",
            element("h1", model.codec),
            element("p", f"{caption(results)}. Every file was decoded and compared.", class_="note"),
            page_results.warnings(results),
            page_results.headline(results),
            element("nav", element("ul", *links), aria_label="Sections"),
        ),
        element("main", *(_section(*section) for section in sections)),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def training(run: RunFolder) -> Markup:
    """The curves of training; nothing for a run without history.

    Raises:
        RunError: the history is damaged.
    """
    figures = draw_history(run.history_path, FIGURE_INCHES) if run.history_path.is_file() else {}
    shown = [
        element("figure", inline_svg(figures[name], name, words)) for name, words in _CURVES.items() if name in figures
    ]
    parts = [element("div", *shown, class_="side")] if shown else []
    if "log_scales" in figures:
        words = "Log-scale of each block's logistics over optimiser steps: mean, and range from smallest to largest"
        drawn = element("figure", inline_svg(figures["log_scales"], "log_scales", words))
        parts.append(element("details", element("summary", "Log-scales of each block while training"), drawn))
    return join(parts)


def _section(name: str, heading: str, content: Markup) -> Markup:
    title = element("h2", heading, id=f"{name}-heading")
    return element("section", title, content, id=name, aria_labelledby=f"{name}-heading")


def _commands(results: Results, run: RunFolder) -> list[Sequence[str]]:
    """How the run was trained and evaluated, as far as is known."""
    sources = [read_run(run.folder).environment, results.about]
    return [source["command"] for source in sources if source.get("command")]


def _settings(run: RunFolder) -> str | None:
    return run.config_path.read_text() if run.config_path.is_file() else None
