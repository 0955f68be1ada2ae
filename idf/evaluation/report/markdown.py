"""``report.md``: the table, the figures and how it was all measured, on one page."""

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
    "the model, the model file). Each row appears only because every clip came back sample for sample.",
    "Sizes are sizes of files, headers included: bits/sample = 8 × bytes / samples. The compression ratio is against "
    "16-bit PCM.",
    "−log2 p is the likelihood that training descends, on the same windows with the same weights. The files may exceed "
    "it by 0.5 % and 64 bytes a clip; more gives a warning above.",
    "Speed is seconds of audio for one second of CPU time (user and system, all threads added), so it is per core. "
    "The shortest clip is coded once before the clock starts; imports, loading the model and compiling are not "
    "counted. Commands pay for starting and for reading and writing their files, libraries do not.",
    "Memory is the largest resident memory of the encoding or decoding process. Those are Python processes, which "
    "take some 35 MiB before any codec is loaded.",
    "Codecs without a window take each clip as a whole; a window of the others is what can be decoded on its own.",
)
"""How everything was measured, a paragraph each."""


def made_with(about: dict[str, Any]) -> list[str]:
    """Versions and machine, a line each.

    Args:
        about: of the results.
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
            f"the clips were resampled to {about['resampled_hz']} Hz; "
            "lossless means those samples, not the original files"
        )
    return lines


def write_report(results: Results, figures: Sequence[Path], folder: Path, run: Path) -> Path:
    """Write ``report.md`` into ``folder``.

    Args:
        results: of this evaluation.
        figures: picture files; the PNG ones are shown, with a link to the SVG beside each.
        folder: where the report goes, with links relative to it.
        run: the run's folder, for the title.

    Returns:
        the report.
    """
    about = results.about
    lines = [f"# Evaluation of {run.name}", ""]
    if "command" in about:
        lines += ["```", shlex.join(about["command"]), "```", ""]
    lines += [results_markdown(results), "One clip in pictures, and to be heard, is in [report.html](report.html).", ""]
    lines += ["## Figures", ""]
    for figure in figures:
        if figure.suffix == ".png":
            picture = Path(os.path.relpath(figure, folder)).as_posix()
            title = figure.stem.replace("_", " ")
            lines += [f"![{title}]({picture})", "", f"[{title} as SVG]({picture.removesuffix('.png')}.svg)", ""]
    lines += ["## How this was measured", "", *(f"- {paragraph}" for paragraph in METHOD), ""]
    lines += ["## Made with", "", *(f"- {line}" for line in made_with(about))]
    path = folder / "report.md"
    atomic_write_text(path, "\n".join(lines) + "\n")
    return path
