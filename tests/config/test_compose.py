from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from idf.config import Config, load_config, to_yaml
from idf.config.compose import check_overrides, compose, config_folder, groups, settings
from idf.errors import ConfigError, RunError
from tests.paths import ROOT


def problems(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(overrides)
    return str(caught.value)


# Settings that an option requires.
COMPANIONS = {
    "data=ljspeech": ["data.root=somewhere"],
    "data=ljspeech_mini": ["data.root=somewhere"],
    "data=folder": ["data.root=somewhere"],
    "data=mix": ["data.root=somewhere", "model=adaptive"],
}
OPTIONS = [f"{group}={option}" for group, options in groups().items() for option in options]


@pytest.mark.parametrize("choice", OPTIONS)
def test_every_file_composes(choice: str) -> None:
    assert isinstance(compose([choice, *COMPANIONS.get(choice, [])]), Config)


@pytest.mark.parametrize("path", sorted(config_folder().rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    assert len(lines[0]) > 20


def test_yaml_defaults_and_dataclass_defaults_agree() -> None:
    assert compose(["layout=bands"]) == Config()


def test_experiment_original_is_the_originals_recipe_and_gives_way_to_the_command_line() -> None:
    original = compose(["experiment=original"])
    assert (original.layout.prior, original.sharpness.kind, original.optimizer.learning_rate) == (
        "wavenet",
        "step",
        1e-4,
    )
    assert original.width.name == "cpu"
    assert compose(["experiment=original", "sharpness=cosine"]).sharpness.kind == "cosine"
    assert compose(["experiment=original", "optimizer.learning_rate=0.5"]).optimizer.learning_rate == 0.5


def test_every_problem_at_once() -> None:
    message = problems(
        "model=smal",
        "trainin.steps=3",
        "learning_rate=1e-4",
        "training.steps=many",
        "optimizer.averaging=2",
        "sharpness.kind=sudden",
        "training.batch_samples=1000",
    )
    assert message.startswith("the configuration has 7 problems:")
    assert (
        "model=smal: choose one of adaptive, adaptive_best, adaptive_fast, large, medium, small; did you mean small?"
        in message
    )
    assert "trainin.steps is not a setting; did you mean training.steps?" in message
    assert "learning_rate is not a setting; did you mean optimizer.learning_rate?" in message
    assert "training.steps=many: expected a whole number" in message
    assert "optimizer.averaging=2.0: must be at least 0 and below 1" in message
    assert "sharpness.kind=sudden: choose one of constant, step, linear, cosine, learned" in message
    assert "training.batch_samples=1000: must be a multiple of model.window=256, such as 1024" in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.compile=perhaps", "expected true or false"),
        ("optimizer.learning_rate=fast", "expected a number"),
        ("sharpness.boundaries=0.5", "expected a list of numbers such as [0.25, 0.5]"),
        ("data.root=[a]", "expected text or null"),
        ("permutation.seed=1.5", "expected a whole number or null"),
        ("model={window: 3}", "choose one of adaptive"),
        ("+model.window=512", "write model.window=value"),
        ("~data", "write data=value"),
        ("training.steps", "cannot be read"),
        ("=3", "cannot be read"),
        ("zzz=3", "zzz is not a setting; `python train.py --cfg job` lists them"),
        ("seed=0,1", "add -m to run them one after another"),
    ],
)
def test_each_kind_of_wrong_override(override: str, expected: str) -> None:
    message = problems(override)
    assert expected in message
    assert message.startswith("the configuration has a problem:")


def test_a_sweep_is_checked_value_by_value() -> None:
    checked = check_overrides(["model=small,tiny", "seed=range(0,3)", "training.steps=10,x"])
    assert len(checked.problems) == 2
    assert [str(override.key_or_group) for override in checked.overrides] == ["seed"]


def test_values_as_a_sweep_agent_passes_them() -> None:
    config = compose(
        [
            "permutation.seed=None",
            "data.rate_hz=None",
            "sharpness=step",
            "sharpness.boundaries=[0.1, 0.9]",
            "optimizer.learning_rate=1e-05",
        ]
    )
    assert config.permutation.seed is None
    assert config.sharpness.boundaries == [0.1, 0.9]
    assert config.optimizer.learning_rate == 1e-5
    assert config.data.rate_hz is None


def test_a_folder_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("/home/me", "/home/my name"):
        monkeypatch.setenv("HOME", home)
        config = compose(["data=folder", "data.root=~/LJSpeech-1.1", "outputs=~/runs"])
        assert (config.data.root, config.outputs) == (f"{home}/LJSpeech-1.1", f"{home}/runs")


def test_every_setting_describes_its_type() -> None:
    assert len(settings()) > 50
    assert all(setting.expected for setting in settings().values())


def test_stored_configuration_comes_back(tmp_path: Path) -> None:
    config = compose(["experiment=original", "data=ljspeech_mini", "data.root=x", "tracker.tags=[a, b]"])
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("text", "finding"), [("a: [", "cannot be read"), ("new: 3", "another version"), ("- 1", "contains no settings")]
)
def test_damaged_stored_configuration(tmp_path: Path, text: str, finding: str) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(RunError, match="is missing"):
        load_config(path)
    path.write_text(text)
    with pytest.raises(RunError, match=finding) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_checking_a_configuration_does_not_load_tensorflow() -> None:
    program = "import sys; from idf.training.command_line import check_command_line as c; c(['model=large']); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "folder",
    ["/a(b)/c", "/a,b", "/a=b", "/é/日本", "/a'b", '/a"b\\"c', "/a&b;c#d", "/[x]", "[x]", "/a${b}", "glob(x)", "/(a\\"],
)
def test_a_message_shows_how_to_write_unusual_characters(folder: str) -> None:
    [message, *_] = problems("data=folder", f"data.root={folder}").splitlines()[1:]
    pasted = shlex.split(message[message.index("'data.root") :])
    assert compose(["data=folder", *pasted]).data.root == folder


@pytest.mark.parametrize("folder", ["1e5", "007", "true", "NaN", "/a b", "C:\\recordings"])
def test_folders_are_text(folder: str) -> None:
    assert compose(["data=folder", f"data.root={folder}"]).data.root == folder


def test_folders_that_are_not_utf8() -> None:
    assert "not valid UTF-8" in problems("data=folder", "data.root='/a\udcff'")


@pytest.mark.parametrize("installed", [False, True])
def test_notebooks_compose_by_hydra(installed: bool, tmp_path: Path) -> None:
    """Hydra composes as the README shows, from a checkout and from a package installed as a wheel."""
    folder = tmp_path if installed else ROOT
    if installed:
        shutil.copytree(ROOT / "idf", tmp_path / "idf", ignore=shutil.ignore_patterns("data", "__pycache__"))
        shutil.copytree(ROOT / "conf", tmp_path / "idf" / "conf")
    code = (
        "import hydra, idf\n"
        "from idf.config.compose import config_of\n"
        "with hydra.initialize_config_module('idf.conf', version_base='1.3'):\n"
        "    settings = hydra.compose('config', overrides=['model=medium', 'seed=3'])\n"
        "print(idf.__file__, config_of(settings).model.window, settings.seed)"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(folder / "idf" / "__init__.py"), "1024", "3"]
