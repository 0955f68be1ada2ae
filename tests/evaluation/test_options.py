from __future__ import annotations

import pytest

from idf.config import Config, DataConfig
from idf.errors import ConfigError
from idf.evaluation.codecs.baselines import BASELINES
from idf.evaluation.options import Options, data_config, parse_options


def test_defaults() -> None:
    assert parse_options(["run=latest"]) == Options("latest", (), "test", tuple(BASELINES))


def test_everything_given() -> None:
    argv = ["data.root=/x", "run=outputs/a=b", "data=folder", "split=validation", "baselines=[tta,flac]"]
    assert parse_options(argv) == Options("outputs/a=b", ("data.root=/x", "data=folder"), "validation", ("flac", "tta"))


def test_models_instead_of_a_run() -> None:
    options = parse_options(["model=small,medium", "data=ljspeech_mini", "data.root=/x"])
    assert (options.run, options.models) == ("", ("small", "medium"))


def test_models_beside_a_run() -> None:
    options = parse_options(["run=latest", "model=flow-small"])
    assert (options.run, options.models) == ("latest", ("flow-small",))


def test_no_baselines() -> None:
    assert parse_options(["run=latest", "baselines=none"]).baselines == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "run is missing: write run=RUN"),
        (["rnu=latest"], "rnu is not a setting of this command; did you mean run?"),
        (["outputs/train/x"], "did you mean run=outputs/train/x?"),
        (["run=latest", "split=tset"], "split=tset: expected one of train, validation, test; did you mean test?"),
        (["run=latest", "baselines=flac,wavpak"], "wavpak is not one of .*; did you mean wavpack?"),
        (["run=latest", "data.rot=/x"], "data.rot is not a setting; did you mean data.root?"),
        (["run=latest", "data=ljspech"], "did you mean ljspeech"),
        (["run=latest", "data.train_fraction=lots"], "data.train_fraction=lots: expected a number"),
        (["model=small,small"], "a model is listed twice"),
        (["run=latest", "width=cpu"], "width is not a setting of this command"),
        (["run=a", "run=b"], "run is given twice"),
        (["run="], "run= has no value"),
        (["demo/latest"], "did you mean run=demo/latest?"),
        (["model=,"], "model=,: the list is empty"),
    ],
)
def test_problems(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(argv)


def test_all_problems_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(["baseline=all", "split=x", "data.rot=1", "word"])
    assert len(caught.value.problems) == 5  # these four, and the missing run


@pytest.fixture
def config() -> Config:
    return Config(data=DataConfig(name="folder", root="/audio"))


def test_data_of_the_run(config: Config) -> None:
    assert data_config(config, ()) == config.data


def test_one_setting_changed(config: Config) -> None:
    changed = data_config(config, ["data.root=/elsewhere", "data.test_clips=[a,b..c]"])
    assert (changed.name, changed.root, changed.test_clips) == ("folder", "/elsewhere", ["a", "b..c"])
    assert config.data.root == "/audio"


def test_another_data_set_starts_afresh(config: Config) -> None:
    assert data_config(config, ["data=demo"]) == DataConfig(name="demo")
    changed = data_config(config, ["data.root=/lj", "data=ljspeech"])
    assert (changed.name, changed.root) == ("ljspeech", "/lj")


def test_impossible_combinations(config: Config) -> None:
    with pytest.raises(ConfigError):
        data_config(config, ["data.train_fraction=0.9", "data.validation_fraction=0.9"])
