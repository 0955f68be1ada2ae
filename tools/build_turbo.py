"""Build the model file of the turbo flow, which is not trained: it stores settings and the initial scale.

    python tools/build_turbo.py idf/data/models/turbo.idfm
    python tools/build_turbo.py other.idfm near_order=16 "filter_orders=[512, 32, 16]"      with other settings

Settings are those of `model.turbo` in `idf/config/schema.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from idf import __version__
from idf.config.schema import Config, ModelConfig, TurboConfig
from idf.errors import ConfigError, run_main
from idf.models.build import build_model
from idf.models.load import save_model


def settings_of(changes: Sequence[str]) -> TurboConfig:
    """Return the settings after changes such as ``near_order=16``.

    Raises:
        ConfigError: a change names no setting or has an invalid value.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(TurboConfig), OmegaConf.from_dotlist(list(changes)))
        settings = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError([f"{' '.join(changes)}: {str(error).splitlines()[0]}"]) from error
    assert isinstance(settings, TurboConfig)
    return settings


def main(argv: Sequence[str] | None = None) -> int:
    """Write the model file and return 0.

    Raises:
        ConfigError: invalid settings.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("target", type=Path, help="model file to write")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="changed settings")
    arguments = parser.parse_args(argv)
    turbo = settings_of(arguments.settings)
    config = Config(model=ModelConfig(name="turbo", family="turbo", window=1, turbo=turbo))
    model = build_model(config)
    command = " ".join(["python tools/build_turbo.py", arguments.target.name, *arguments.settings])
    facts = {"idf": __version__, "data": "none", "command": command}
    save_model(arguments.target, config, model, model.initial_parameters(0), None, facts)
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
