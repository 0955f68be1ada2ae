"""The sections of a run's page made from its results: headline, tables, bars, players, method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from idf.evaluation.report.markdown import METHOD, made_with
from idf.evaluation.report.sounds import DRAWN_SECONDS, Sounds
from idf.evaluation.results import ALIGNMENT, HEADINGS, NOTE, Results, Row, caption, cells
from idf.page.document import bullets, command_line, folded, player, preformatted, tiles
from idf.page.markup import Markup, element, join, table
from idf.text import times

MOST_CLIPS = 100
"""Most clips in the table; with more, it lists half of them with the fewest and half with the most bits/sample."""
MOST_OPEN = 12
"""Most players shown at once; a longer list is folded."""


def headline(results: Results) -> Markup:
    """Return the model's main figures in large type."""
    model, *others = results.rows
    figures = [
        ("bits per sample", f"{model.bits_per_sample:.4f}"),
        ("compression ratio", f"{model.compression_ratio:.3f}"),
    ]
    if others:
        best = min(others, key=lambda row: row.bits_per_sample)
        figures.append(
            (f"size relative to {best.codec}", f"{_percent(model.bits_per_sample / best.bits_per_sample - 1)}")
        )
    figures += [
        ("encoding, × real time", times(model.encode_x_realtime)),
        ("decoding, × real time", times(model.decode_x_realtime)),
        ("lossless", f"{model.clips} of {model.clips}"),
    ]
    return tiles(figures)


def warnings(results: Results) -> Markup:
    """Return the warnings, for the top of the page."""
    return join(element("p", f"Warning: {warning}.", class_="warning") for warning in results.warnings)


def codecs(results: Results) -> Markup:
    """Return the table of codecs, the same as bars, and the codecs that are missing."""
    numbers = [letter == "r" for letter in ALIGNMENT]
    parts = [
        table(caption(results), HEADINGS, [cells(row) for row in results.rows], numbers, own=0),
        element("p", NOTE, class_="note"),
    ]
    if len(results.rows) > 1:
        parts.append(element("h3", "Bits per sample, smallest files first"))
        parts.append(_bars(results.rows))
    if results.not_made:
        missing = [f"{row.codec}: {row.reason}. Remedy: {row.remedy}." for row in results.not_made]
        parts.append(folded(f"Not measured here: {len(missing)} codec{'s' * (len(missing) != 1)}", bullets(missing)))
    return join(parts)


def clips(results: Results, sounds: Sounds) -> Markup:
    """Return the table of each clip's bits per sample with each codec, and a player for each clip."""
    names = [row.codec for row in results.rows]
    model = results.per_clip[names[0]]
    scores = {
        name: [8 * clip["bytes"] / clip["samples"] for clip in results.per_clip[name]]
        for name in names
        if name in results.per_clip
    }
    rows = []
    for number in _shown(scores[names[0]]):
        clip = model[number]
        best = min(score[number] for score in scores.values())
        row: list[str] = [clip["name"], f"{clip['samples'] / clip['channels'] / clip['rate_hz']:.2f}"]
        row.append("–" if clip["nll_bits"] is None else f"{clip['nll_bits'] / clip['samples']:.4f}")
        for score in scores.values():
            value = f"{score[number]:.4f}"
            row.append(element("strong", value) if score[number] == best and len(scores) > 1 else value)
        rows.append(row)
    about = "Bits per sample of each clip, headers included" + (
        "; the smallest file in bold" if len(scores) > 1 else ""
    )
    if len(rows) < len(model):
        half = len(rows) // 2
        about += f"; {half} clips with the fewest and {half} with the most bits per sample; results.json has all {len(model)}"
    headings = ["clip", "seconds", "−log2 p", *scores]
    return join([table(about, headings, rows, [False, *[True] * (len(headings) - 1)]), _players(results, sounds)])


def drawn(sounds: Sounds) -> Markup:
    """Return the section with audio decoded from random bits."""
    return join(
        [
            element(
                "p",
                f"{DRAWN_SECONDS:g} seconds decoded from random bits. Where this sounds like the training clips, for example "
                "in loudness and timbre, the model has learned their statistics. What it has not learned costs bits.",
            ),
            player(sounds.drawn, "audio drawn from the model"),
        ]
    )


def method(results: Results, run: Path, commands: Sequence[Sequence[str]], settings: str | None) -> Markup:
    """Return the section on how the figures were measured, with commands, versions and settings.

    Args:
        results: of this evaluation.
        run: the run's folder.
        commands: the commands that trained and evaluated the run, in order.
        settings: the run's settings as YAML; None if unknown.
    """
    lines = "\n".join(map(command_line, commands))
    about = results.about
    facts = [f"run {run.name}", *made_with(about)]
    if model := about.get("model"):
        facts.append("model " + ", ".join(f"{name} {value}" for name, value in model.items() if value is not None))
    if data := about.get("data"):
        facts.append("data " + ", ".join(f"{name} {value}" for name, value in data.items()))
    if evaluated := about.get("evaluated"):
        facts.append(f"evaluated {evaluated}")
    parts = [element("p", "Commands"), preformatted(lines)] if lines else []
    parts += [bullets(METHOD), element("h3", "Versions and machine"), bullets(facts)]
    if settings:
        parts.append(folded("All settings of the run", preformatted(settings)))
    return join(parts)


def _players(results: Results, sounds: Sounds) -> Markup:
    items = []
    for clip, flac in zip(results.per_clip[results.rows[0].codec], sounds.clips, strict=True):
        about = (
            f"{clip['samples'] / clip['rate_hz']:.2f} seconds, {8 * clip['bytes'] / clip['samples']:.4f} bits/sample"
        )
        items.append(element("li", element("h3", clip["name"]), element("p", about), player(flac, clip["name"])))
    heard = element("ul", *items, class_="steps")
    if sounds.seconds is not None:
        first = f"Only the first {sounds.seconds:.1f} seconds of each clip, to limit the size of the page."
        heard = join([element("p", first, class_="note"), heard])
    if len(items) > MOST_OPEN:
        return folded(f"Listen to the {len(items)} clips", heard)
    return join([element("h3", "Listen"), heard])


def _bars(rows: Sequence[Row]) -> Markup:
    largest = max(row.bits_per_sample for row in rows)
    bars = []
    for row in sorted(rows, key=lambda row: row.bits_per_sample):
        share = f"--share: {100 * row.bits_per_sample / largest:.1f}%"
        label = element("p", element("span", row.codec), element("b", f"{row.bits_per_sample:.4f}"))
        bar = element("div", class_="bar", style=share, aria_hidden="true")
        bars.append(element("li", label, bar, class_="own" if row is rows[0] else None))
    return element("ul", *bars, class_="bars")


def _shown(scores: Sequence[float]) -> list[int]:
    """Return the indices of the clips in the table, in their order."""
    if len(scores) <= MOST_CLIPS:
        return list(range(len(scores)))
    ranked = sorted(range(len(scores)), key=scores.__getitem__)
    half = MOST_CLIPS // 2
    return sorted([*ranked[:half], *ranked[-half:]])


def _percent(change: float) -> str:
    return f"{100 * change:+.2f} %".replace("-", "−")
