"""The choice of clip and model: the arguments that all views of one clip share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idf.arguments import Arguments
from idf.audio.pcm import Pcm, read_pcm16
from idf.config.compose import check_overrides, compose
from idf.datasets.dataset import Dataset, open_dataset
from idf.errors import ConfigError, DataError, did_you_mean
from idf.evaluation.options import data_config
from idf.models import registry
from idf.runs.find import OUTPUTS, RunRecord, open_run

SETTINGS = ("run", "model", "clip", "seconds", "output")
"""Arguments of all views, besides ``data=`` and ``data.KEY=``."""


@dataclass(frozen=True)
class Choice:
    """A clip, a model, and where results go.

    Args:
        name: of the clip.
        clip: its samples, or those of the requested part.
        model_name: for titles.
        model: the model file.
        folder: for results.
    """

    name: str
    clip: Pcm
    model_name: str
    model: Path
    folder: Path

    @property
    def title(self) -> str:
        """Title of figures and tables."""
        return f"{self.name} by {self.model_name}"


def read_choice(arguments: Arguments, view: str) -> Choice:
    """Return the clip and model that the arguments name.

    Args:
        arguments: the parsed command line.
        view: name of the folder for results.

    Raises:
        ConfigError: with every problem of the arguments, or because the clip has no such part.
        RunError: there is no such run or model.
        DataError: there is no such clip; the message suggests a similar name.
    """
    given, data = arguments.settings, arguments.passed
    if ("run" in given) == ("model" in given):
        arguments.problems.append("give either run=RUN (or run=latest) or model=NAME")
    arguments.problems += check_overrides(data).problems
    arguments.check()
    if "run" in given:
        run = open_run(given["run"], with_model=True)
        model, model_name, place = run.model_path, run.name, run.folder / view
    else:
        run = None
        model = registry.find_model(given["model"])
        model_name, place = model.stem, OUTPUTS / view / model.stem
    name, clip = _clip(given.get("clip"), run, data)
    folder = Path(given["output"]) if "output" in given else place / re.sub(r"[^\w.-]+", "_", name)
    return Choice(name, _part(given.get("seconds"), clip), model_name, model, folder)


def _clip(wanted: str | None, run: RunRecord | None, data: Sequence[str]) -> tuple[str, Pcm]:
    if wanted is not None and Path(wanted).is_file():
        return Path(wanted).stem, read_pcm16(wanted)
    config = data_config(run.config(), data) if run is not None else compose(data or ["data=demo"]).data
    return _named_clip(wanted, open_dataset(config))


def _named_clip(wanted: str | None, dataset: Dataset) -> tuple[str, Pcm]:
    if not dataset.test:
        raise DataError(f"the test split of {dataset.name} ({dataset.split}) has no clips; give a file with clip=FILE")
    found = [clip for clip in dataset.test if wanted in (None, clip.name)]
    if not found:
        elsewhere = [clip for clip in dataset.clips if clip.name == wanted]
        hint = did_you_mean(str(wanted), [clip.name for clip in dataset.test])
        if elsewhere:
            hint = (
                f": it is a training or validation clip; use clip=FILE to show it anyway, or choose a test clip{hint}"
            )
        raise DataError(f"clip={wanted} is neither a file nor a test clip of {dataset.name}{hint}")
    return found[0].name, dataset.read(found[0]).first_channel


def _part(text: str | None, clip: Pcm) -> Pcm:
    """Return the samples from A to B seconds, for ``text`` = ``A..B``."""
    if text is None:
        return clip
    whole = len(clip.samples) / clip.rate_hz
    first, separator, last = text.partition("..")
    try:
        seconds = float(first or 0), float(last or whole)
        at, to = (min(max(round(second * clip.rate_hz), 0), len(clip.samples)) for second in seconds)
    except (ValueError, OverflowError):  # not a number, or not finite
        at = to = 0
    if not separator or not at < to:
        raise ConfigError([f"seconds={text}: the clip has {whole:.2f} s; write seconds=A..B, such as seconds=1.5..4"])
    return replace(clip, samples=clip.samples[at:to])
