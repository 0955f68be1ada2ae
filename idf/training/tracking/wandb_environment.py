"""W&B's environment variables, which take precedence over the configuration but not over the command line.

A W&B agent passes the settings of a sweep on the command line, and its project, entity and run id in the
environment, where W&B itself reads them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from idf.config.schema import WANDB_MODES, TrackerConfig
from idf.errors import ConfigError, did_you_mean

VARIABLES = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "name": "WANDB_NAME",
    "group": "WANDB_RUN_GROUP",
    "job_type": "WANDB_JOB_TYPE",
    "notes": "WANDB_NOTES",
    "tags": "WANDB_TAGS",
    "dir": "WANDB_DIR",
    "mode": "WANDB_MODE",
}
"""W&B's variable for each setting of ``tracker``; ``WANDB_TAGS`` is a comma-separated list."""


def with_environment(
    tracker: TrackerConfig, overrides: Collection[str], environment: Mapping[str, str]
) -> TrackerConfig:
    """Return the settings, replaced by those of the environment unless the command line sets them.

    Args:
        overrides: of the command line, such as ``tracker.project=speech``.

    Raises:
        ConfigError: ``WANDB_MODE`` is not one of W&B's modes.
    """
    given = {text.lstrip("+").partition("=")[0] for text in overrides}
    found: dict[str, str] = {
        name: environment[variable]
        for name, variable in VARIABLES.items()
        if environment.get(variable) and f"tracker.{name}" not in given
    }
    if found.get("mode", "online") not in WANDB_MODES:
        raise ConfigError(
            [
                f"WANDB_MODE={found['mode']}: choose one of {', '.join(WANDB_MODES)}{did_you_mean(found['mode'], WANDB_MODES)}"
            ]
        )
    tags = found.pop("tags", None)
    changed = replace(tracker, **found)  # type: ignore[arg-type]
    return changed if tags is None else replace(changed, tags=[tag.strip() for tag in tags.split(",") if tag.strip()])
