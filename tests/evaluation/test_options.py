from __future__ import annotations

import pytest

from idf.errors import ConfigError
from idf.evaluation.codecs.baselines import BASELINES
from idf.evaluation.options import Options, parse_options


def test_defaults() -> None:
    assert parse_options(["run=latest"]) == Options("latest", None, (), "test", tuple(BASELINES))


def test_everything_given() -> None:
    words = ["data.root=/x", "run=outputs/a=b", "data=folder", "split=validation", "baselines=[tta,flac]"]
    assert parse_options(words) == Options(
        "outputs/a=b", None, ("data.root=/x", "data=folder"), "validation", ("flac", "tta")
    )


def test_the_latest_of_a_study() -> None:
    assert parse_options(["run=latest", "study=demo"]).study == "demo"


def test_models_instead_of_a_run() -> None:
    options = parse_options(["model=small,medium", "data=ljspeech_mini", "data.root=/x"])
    assert (options.run, options.models) == ("", ("small", "medium"))


def test_no_baselines() -> None:
    assert parse_options(["run=latest", "baselines=none"]).baselines == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "run is missing: write run=FOLDER"),
        (["rnu=latest"], "rnu is not a setting of evaluate.py; did you mean run?"),
        (["outputs/train/x"], "did you mean run=outputs/train/x?"),
        (["run=latest", "split=tset"], "split=tset: expected one of train, validation, test; did you mean test?"),
        (["run=latest", "baselines=flac,wavpak"], "wavpak is not one of .*; did you mean wavpack?"),
        (["run=latest", "data.rot=/x"], "data.rot is not a setting; did you mean data.root?"),
        (["run=latest", "data=ljspech"], "did you mean ljspeech"),
        (["run=latest", "data.train_fraction=lots"], "data.train_fraction=lots: expected a number"),
        (["run=latest", "model=small"], "exclude each other"),
        (["model=small,small"], "a model is there twice"),
        (["model=small", "study=x"], "study= goes with run=latest"),
        (["run=latest", "width=cpu"], "width is not a setting of evaluate.py"),
        (["run=a", "run=b"], "run is given twice"),
        (["run="], "run= has no value"),
        (["run=outputs/demo/x", "study=demo"], "study= goes with run=latest"),
    ],
)
def test_problems(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(words)


def test_all_problems_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(["baseline=all", "split=x", "data.rot=1", "word"])
    assert len(caught.value.problems) == 5  # these four, and no run
