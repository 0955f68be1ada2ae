"""``layout=flow`` accepts every model, permutation and sharpness, and rejects impossible settings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from idf.config.compose import compose
from idf.config.schema import PERMUTATIONS
from idf.errors import ConfigError
from idf.models.build import build_model
from idf.models.window.model import WindowModel
from idf.priors import LearnedBase

MODELS = {"small": 256, "medium": 1024, "large": 16384}
SHARPNESS = ("constant", "step", "linear", "cosine", "learned")


@pytest.mark.parametrize("choice", list(itertools.product(MODELS, PERMUTATIONS, SHARPNESS)), ids="-".join)
def test_every_combination_composes_and_builds(choice: tuple[str, str, str]) -> None:
    name, permutation, sharpness = choice
    config = compose([f"model={name}", f"permutation={permutation}", f"sharpness={sharpness}"])
    model = build_model(config)
    assert isinstance(model, WindowModel)
    assert model.window == MODELS[name]
    orders = [order for constant, order in model.constants.items() if constant.startswith("permutation/")]
    assert [len(order) for order in orders] == list(range(16, 1, -1))
    natural = all(np.array_equal(order, np.arange(len(order))) for order in orders)
    assert natural == (permutation == "identity")
    assert (LearnedBase.name in model.specs) == (sharpness == "learned")
    assert model.hierarchy.moves_samples


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("layout.factor_channels=2", "factors out one channel at a time"),
        ("layout.steps_per_factor=0", "steps_per_factor=0: must be at least 1"),
        ("layout.linear_skip=false", "linear_skip: must be true"),
        ("layout.level_equivariant=false", "linear_skip: must be true"),
        ("context=previous", "independent"),
    ],
)
def test_impossible_settings_of_the_flow_are_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose([setting])


def test_the_widths_are_for_the_flow_too() -> None:
    sizes = [
        sum(int(np.prod(spec.shape)) for spec in build_model(compose([f"width={width}"])).specs.values())
        for width in ("slim", "cpu", "original")
    ]
    assert len(set(sizes)) == 3
    assert compose().width.name == "slim"
