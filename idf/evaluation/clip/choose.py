"""Commands that look at one clip with one model: the words that say which, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idf.audio.pcm import Pcm, read_pcm16
from idf.config.compose import check_overrides, compose
from idf.datasets.dataset import Dataset, open_dataset
from idf.errors import ConfigError, DataError
from idf.evaluation.options import data_config
from idf.models import registry
from idf.runs.find import LATEST, EvaluatedRun, open_run
from idf.text import did_you_mean, parse_words

KEYS = ("run", "study", "model", "clip", "output")
"""Settings that all such commands take, besides ``data=`` and ``data.KEY=``."""


@dataclass(frozen=True)
class Source:
    """A model and where its results go.

    Args:
        name: for titles.
        run: the run it comes from, if it does.
        model: its file.
    """

    name: str
    run: EvaluatedRun | None
    model: Path


@dataclass(frozen=True)
class Choice:
    """What a command line says.

    Args:
        source: the model.
        settings: all settings but those of the data.
        data: words about the data set, as given.
    """

    source: Source
    settings: dict[str, str]
    data: tuple[str, ...]

    def clip(self) -> tuple[str, Pcm]:
        """Name and samples of the clip.

        Raises:
            DataError: there is no such clip; says which there are.
        """
        wanted = self.settings.get("clip")
        if wanted is not None and Path(wanted).is_file():
            return Path(wanted).stem, read_pcm16(wanted)
        if self.source.run is not None:
            dataset = open_dataset(data_config(self.source.run, self.data))
        else:
            dataset = open_dataset(compose(self.data or ["data=demo"]).data)
        return _named_clip(wanted, dataset)

    def folder(self, kind: str, clip: str) -> Path:
        """Where results go: ``output=``, or a folder ``kind`` of the run or of all outputs."""
        if "output" in self.settings:
            return Path(self.settings["output"])
        name = re.sub(r"[^\w.-]+", "_", clip)
        if self.source.run is not None:
            return self.source.run.folder / kind / name
        return Path("outputs") / kind / self.source.name / name


def read_choice(words: Sequence[str], settings: Sequence[str], usage: str) -> Choice:
    """Read a command line.

    Args:
        settings: names that the command takes besides :data:`KEYS`.
        usage: is added to what is wrong.

    Raises:
        ConfigError: with every problem found.
        RunError: there is no such run or model.
    """
    data = [word for word in words if word.startswith(("data=", "data."))]
    parsed = parse_words([word for word in words if word not in data], settings=(*KEYS, *settings))
    given = parsed.settings
    problems = [f"`{word}` cannot be read: write setting=value" for word in parsed.plain]
    if ("run" in given) == ("model" in given):
        problems.append("name one: run=FOLDER, run=latest, or model=NAME")
    if "study" in given and given.get("run") != LATEST:
        problems.append("study= goes with run=latest; a folder needs no study")
    problems += check_overrides(data).problems
    if problems:
        raise ConfigError([*problems[:-1], f"{problems[-1]}\n\n{usage}"])
    return Choice(_source(given), given, tuple(data))


def _source(settings: dict[str, str]) -> Source:
    if "model" in settings:
        path = registry.find_model(settings["model"])
        return Source(path.stem, None, path)
    run = open_run(settings["run"], settings.get("study"))
    return Source(f"{run.folder.parent.name}/{run.folder.name}", run, run.model)


def _named_clip(wanted: str | None, dataset: Dataset) -> tuple[str, Pcm]:
    if not dataset.test:
        raise DataError(f"the test split of {dataset.name} ({dataset.split}) has no clips; name a file with clip=")
    found = [clip for clip in dataset.test if wanted in (None, clip.name)]
    if not found:
        elsewhere = [clip for clip in dataset.clips if clip.name == wanted]
        hint = did_you_mean(str(wanted), [clip.name for clip in dataset.test])
        if elsewhere:
            hint = f": it is one to learn from; name its file to take it all the same, or a test clip{hint}"
        raise DataError(f"clip={wanted} is no file and no test clip of {dataset.name}{hint}")
    return found[0].name, dataset.read(found[0])
