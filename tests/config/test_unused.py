"""No setting is silently ignored."""

from __future__ import annotations

import pytest

from idf.config.compose import compose
from idf.errors import ConfigError


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "model=adaptive",
        "model=adaptive_best training=adaptive",
        "layout=bands training=window",
        "layout=channelwise",
        "layout=channelwise width.experts=0",
        "experiment=original width=original",
        "experiment=original_wrap",
        "layout=original layout.factor_channels=1 layout.steps_per_factor=1 layout.linear_skip=true",
        "whitening=none",
        "whitening=adaptive",
        "width=cpu",
        "width=original",
        "experiment=debug",
        "experiment=demo",
        "permutation=reverse sharpness=step sharpness.boundaries=[0.5]",
        "permutation.seed=3",
        "sharpness=cosine sharpness.end_fraction=0.9",
        "layout.coupling=split layout.split_fraction=0.75",
        "layout.coupling=none",
    ],
)
def test_settings_with_an_effect_are_accepted(arguments: str) -> None:
    compose(arguments.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("model=adaptive permutation=reverse", "permutation=reverse has no effect: model=adaptive has no channels"),
        ("model=adaptive sharpness=step", "sharpness=step has no effect: model=adaptive has no last block"),
        ("model=adaptive width=original", "width=original has no effect"),
        ("model=adaptive layout=channelwise", "layout=channelwise has no effect: model=adaptive has no windows"),
        ("model=adaptive training.start=random", "training.start=random has no effect"),
        ("layout=bands permutation=reverse", "permutation=reverse has no effect: layout=bands"),
        ("layout=bands permutation.seed=4", "permutation.seed=4 has no effect"),
        ("layout=bands sharpness=step", "choose layout=flow"),
        ("layout=bands width=original", "model.bands.hidden, layers and components set the size"),
        ("layout=bands width.hidden=128", "width.hidden=128 has no effect"),
        ("layout=bands layout.scales=2", "layout.scales=2 has no effect"),
        ("layout=bands model.bands.joint_orders=[8,8]", "layout=bands codes each channel by itself"),
        ("layout=bands model.bands.joint_forgetting=0.99", "layout=bands codes each channel by itself"),
        ("layout=bands model.bands.online_rate=0.001", "networks of layout=bands do not learn while coding"),
        ("layout=channelwise permutation=reverse", "leaves samples in place"),
        ("layout=channelwise layout.split_fraction=0.3", "layout=channelwise has no couplings"),
        ("layout=channelwise layout.coupling=predict", "layout=channelwise has no couplings"),
        ("layout=channelwise width.coupling_hidden=9", "no such nets"),
        ("layout=original width.experts=3", "no such nets"),
        ("layout=original layout.scales=2", "squeezes only once"),
        ("layout=original training.start=random", "nothing in layout=original is fitted"),
        ("width.wavenet_layers=3", "no such nets"),
        ("layout.split_fraction=0.5", "layout.coupling=update does not use it; choose split"),
        ("layout.coupling_offset=3", "it belongs to layout=original"),
        ("sharpness=constant sharpness.start=-3", "sharpness=constant does not use it"),
        ("sharpness.end=-3", "sharpness=learned does not use it"),
        ("sharpness=linear sharpness.boundaries=[0.1]", "sharpness=linear does not use it"),
        ("permutation=reverse permutation.seed=3", "only permutation=random uses a seed"),
        ("model.bands.hidden=64", "it belongs to layout=bands"),
        ("model.adaptive.hidden=32", "it belongs to model=adaptive"),
        ("whitening=none whitening.classes=4", "whitening=none does not use it"),
        ("whitening=adaptive whitening.order=3", "whitening=adaptive does not use it"),
        ("whitening.filter_rates=[0.1,0.1,0.1]", "whitening=window does not use it"),
    ],
)
def test_settings_without_an_effect_are_refused(arguments: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        compose(arguments.split())
    assert message in str(error.value)
