"""The location of the YAML groups."""

from __future__ import annotations

from pathlib import Path

CONFIG_NAME = "config"


def config_folder() -> Path:
    """Return the folder of the YAML groups: beside the package in a checkout, inside it when installed.

    Raises:
        FileNotFoundError: the folder is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "conf", package / "conf"):
        if (folder / f"{CONFIG_NAME}.yaml").is_file() and (folder / "layout").is_dir():
            return folder
    raise FileNotFoundError(f"the configuration folder conf/ is neither beside nor inside {package}")
