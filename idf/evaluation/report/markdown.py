"""``report.md``: the table, the figures and the measurement method on one page."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idf.evaluation.results import Results, results_markdown
from idf.files import atomic_write_text

METHOD = (
    "Every clip was encoded to a file in one fresh process and decoded in another that had only the files (and, for "
    "a model, the model file). A row appears only if every sample of every clip was recovered exactly.",
    "Sizes are file sizes, headers included: bits/sample = 8 × bytes / samples. The compression ratio is relative to "
    "16-bit PCM.",
    "−log2 p is the training objective, computed on the same windows with the same weights. The files may exceed "
    "it by 0.5 % plus 64 bytes per clip; a larger excess gives a warning above.",
    "Speed is seconds of audio per second of CPU time (user and system, summed over threads), so it is speed per core. "
    "The shortest clip is coded once before the clock starts; imports, model loading and compilation are not "
    "counted. Commands include start-up and file reading and writing, libraries do not.",
    "Memory is the peak resident memory of the encoding or decoding process, whichever is larger. Both are Python "
    "processes, which take about 35 MiB before any codec is loaded.",
    "Codecs with a window code each window independently of the others; codecs without one code whole clips.",
)
"""How everything was measured, one paragraph per string."""


def made_with(about: dict[str, Any]) -> list[str]:
    """Return the versions and the machine, one line each.

    Args:
        about: that of the results.
    """
    git = about.get("git")
    revision = "not a git checkout"
    if git:
        revision = f"git {git['revision'][:12]}" + (" with local changes" if git["changed"] else "")
    packages = ", ".join(f"{name} {version}" for name, version in about.get("packages", {}).items() if version)
    lines = [
        f"idf {about.get('idf')}, {revision}",
        f"Python {about.get('python')}, {packages}",
        f"{about.get('cpu') or about.get('processor')}, {about.get('cpus')} CPUs, {about.get('platform')}",
    ]
    if about.get("resampled_hz"):
        lines.append(
            f"the clips were resampled to {about['resampled_hz']} Hz: "
            "lossless refers to the resampled clips, not to the original files"
        )
    return lines


def write_report(results: Results, figures: Sequence[Path], folder: Path, run: Path) -> Path:
    """Write ``report.md`` to ``folder`` and return its path.

    Args:
        results: of this evaluation.
        figures: as returned by :func:`idf.plotting.save_widths`; PNG files are shown, with links to the others.
        folder: where the report goes; links are relative to it.
        run: the run's folder, for the title.

    Raises:
        OutputError: the folder cannot be written.
    """
    about = results.about
    lines = [f"# Evaluation of {run.name}", ""]
    if "command" in about:
        lines += ["```", shlex.join(about["command"]), "```", ""]
    lines += [results_markdown(results), "[report.html](report.html) shows one clip in detail and plays all clips.", ""]
    lines += ["## Figures", ""]
    for figure in figures:
        if figure.suffix == ".png":
            picture = Path(os.path.relpath(figure, folder)).as_posix()
            title = figure.stem.replace("_", " ")
            stem = picture.removesuffix(".png")
            links = (f"[SVG]({stem}.svg)", f"[PDF]({stem}.pdf)", f"[PDF for a column]({stem}-column.pdf)")
            lines += [f"![{title}]({picture})", "", ", ".join(links), ""]
    lines += ["## How this was measured", "", *(f"- {paragraph}" for paragraph in METHOD), ""]
    lines += ["## Made with", "", *(f"- {line}" for line in made_with(about))]
    path = folder / "report.md"
    atomic_write_text(path, "\n".join(lines) + "\n")
    return path
