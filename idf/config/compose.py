"""Composition of a :class:`~idf.config.schema.Config` from the command line, with all problems reported together.

Hydra stops at the first mistake with a mere "not in struct". This module checks the groups, keys and types of
all overrides before Hydra sees them and suggests corrections. :mod:`idf.config.checks` then checks the composed
configuration. All of this happens before TensorFlow is imported.

Importing this module registers the schema with Hydra and the folder ``conf/`` as the package ``idf.conf``, so that
``hydra.initialize_config_module("idf.conf")`` works in a notebook.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import pickle
import re
import shlex
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from idf.installed import need_training

need_training()

# isort: split

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from idf.config.checks import check
from idf.config.folder import CONFIG_NAME, config_folder
from idf.config.schema import Config
from idf.errors import ConfigError, did_you_mean, nearest

LAUNCHER = "hydra_plugins.idf.ProcessLauncher"
"""``hydra/launcher=process``, the default: a fresh process for each run."""


def _register() -> None:
    """Register with Hydra the dataclasses (to reject unknown keys and wrong types), the launcher and ``conf/``."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config, provider="idf")
    # idf.training.launcher registers the class itself.
    store.store(group="hydra/launcher", name="process", node={"_target_": LAUNCHER}, provider="idf")
    # An installed wheel has an importable idf.conf; in a checkout, conf/ is beside the package.
    spec = importlib.util.spec_from_file_location("idf.conf", config_folder() / "__init__.py")
    if spec is not None:
        sys.modules["idf.conf"] = importlib.util.module_from_spec(spec)


_register()


def compose(overrides: Sequence[str] = ()) -> Config:
    """Compose and check one configuration.

    Args:
        overrides: as on the command line, such as ``["model=medium", "training.steps=2000"]``.

    Raises:
        ConfigError: with every problem of the overrides and of their combination.
    """
    checked = check_overrides(overrides)
    problems = list(checked.problems)
    swept = [override for override in checked.overrides if override.is_sweep_override()]
    problems += [_several(override) for override in swept]
    # The valid overrides are composed regardless, so that the message also lists conflicts between settings.
    usable = [str(override.input_line) for override in checked.overrides if override not in swept]
    try:
        config = _compose(usable)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([*problems, explained(error)]) from error
    problems += check(config)
    if problems:
        raise ConfigError(problems)
    return config


def _several(override: Override) -> str:
    line = str(override.input_line)
    key, _, value = line.partition("=")
    setting = settings().get(key)
    one = (
        f"; for one value with these characters, write {_pasted(key, value)}" if setting and setting.kind is str else ""
    )
    return f"`{line}` has several values: add -m to run them one after another{one}"


def _pasted(key: str, value: str) -> str:
    """Return a shell argument that sets ``key`` to exactly these characters."""
    # In quotes, Hydra treats a backslash as an escape only before a quote; OmegaConf would resolve ${...}.
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), value)
    return shlex.quote(f'{key}="' + escaped.replace("${", "\\${") + '"')


def config_of(settings: DictConfig) -> Config:
    """Return what ``hydra.main`` composed from the registered schema as dataclasses."""
    return cast(Config, OmegaConf.to_object(settings))


def _compose(overrides: Sequence[str]) -> Config:
    with initialize_config_dir(version_base="1.3", config_dir=str(config_folder())):
        return config_of(hydra_compose(CONFIG_NAME, overrides=list(overrides)))


@dataclass(frozen=True)
class CheckedOverrides:
    """The valid overrides, and a sentence for each problem of the others."""

    overrides: tuple[Override, ...]
    problems: tuple[str, ...]


_FOLDERS = ("data.root", "data.cache", "outputs")
_NOT_TEXT = re.compile(r"[\d._e+-]*\d[\d._e+-]*|true|false|inf|nan", re.IGNORECASE)
"""Folder names that Hydra would read as numbers or booleans."""


def check_overrides(overrides: Sequence[str]) -> CheckedOverrides:
    """Check each override by itself, including every value of a sweep (``seed=0,1,2``)."""
    good: list[Override] = []
    problems: list[str] = []
    parser = OverridesParser.create()
    for text in map(normalise_override, overrides):
        try:
            override = parser.parse_override(text)
            readable = bool(override.key_or_group)
        except HydraException:
            readable = False
        if not readable:
            key, separator, value = text.partition("=")
            known = separator and key in settings()
            remedy = f"write {_pasted(key, value)}" if known else "write setting=value and quote unusual characters"
            problems.append(f"`{text}` cannot be read: {remedy}")
            continue
        found = list(_problems_of(override))
        problems += found
        if not found:
            good.append(override)
    return CheckedOverrides(tuple(good), tuple(problems))


def normalise_override(text: str) -> str:
    """Return an override with ``None`` (as W&B sweeps pass it) and a leading ``~`` in the form that Hydra reads.

    ``None`` becomes ``null`` only where null is allowed; elsewhere it may be a name. Shells do not expand the ``~`` of
    ``data.root=~/audio``.
    """
    key, separator, value = text.partition("=")
    if key in _FOLDERS and re.match(r"~[^,]*$", value):
        folder = os.path.expanduser(value)
        return f"{key}={folder}" if re.fullmatch(r"[\w./:+@%-]*", folder) else f"{key}='{folder}'"
    if key in _FOLDERS and _NOT_TEXT.fullmatch(value):
        return f"{key}='{value}'"
    if key.startswith("+") and key[1:] in groups():
        return text[1:]  # every group has a default to replace
    setting = settings().get(key)
    if separator and value == "None" and setting is not None and setting.optional:
        return f"{key}=null"
    return text


@dataclass(frozen=True)
class Setting:
    """One leaf of the configuration."""

    key: str
    kind: Any
    optional: bool

    @property
    def expected(self) -> str:
        """A description of valid values."""
        expected = _EXPECTED[self.kind]
        return f"{expected} or null" if self.optional else expected

    def accepts(self, value: object) -> bool:
        """Return whether OmegaConf accepts ``value`` for this setting."""
        tree = pickle.loads(_defaults())
        try:
            OmegaConf.update(tree, self.key, value)
            OmegaConf.select(tree, self.key)
        except (OmegaConfBaseException, ValueError):
            return False
        return not (isinstance(value, dict) or (self.kind is str and isinstance(value, list)))


@functools.cache
def _defaults() -> bytes:
    """Return OmegaConf's form of the schema, pickled: loading it takes a tenth of the time of building it."""
    return pickle.dumps(OmegaConf.structured(Config))


_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list[str]: "a list of strings such as [a, b]",
    list[float]: "a list of numbers such as [0.25, 0.5]",
    list[int]: "a list of whole numbers such as [1, 2]",
    list[list[int]]: "a list of lists of whole numbers such as [[0, 16], [1, 24]]",
}


@functools.cache
def settings() -> dict[str, Setting]:
    """Return every setting by its dotted key."""
    return {setting.key: setting for setting in _settings_of(Config, "")}


def _settings_of(node: type, prefix: str) -> Iterator[Setting]:
    hints = typing.get_type_hints(node)
    for field in dataclasses.fields(node):
        key, hint = prefix + field.name, hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _settings_of(cast(type, hint), key + ".")
            continue
        optional = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
        if optional:
            hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
        yield Setting(key, hint, optional)


@functools.cache
def groups() -> dict[str, tuple[str, ...]]:
    """Return the options of each group, from the files under ``conf/``."""
    folders = (folder for folder in sorted(config_folder().iterdir()) if folder.is_dir())
    options = {folder.name: tuple(sorted(file.stem for file in folder.glob("*.yaml"))) for folder in folders}
    return {name: files for name, files in options.items() if files}


def _problems_of(override: Override) -> Iterator[str]:
    key = override.key_or_group
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        return
    if override.is_delete() or override.is_add():
        yield f"`{override.input_line}`: settings cannot be added or deleted; write {key}=value"
        return
    values = list(_values(override))
    if key in groups():
        if not values:
            yield f"`{override.input_line}`: no option matches; choose from {', '.join(groups()[key])}"
        for value in values:
            if value not in groups()[key]:
                yield f"{key}={value}: choose one of {', '.join(groups()[key])}{did_you_mean(str(value), groups()[key], otherwise='')}"
        return
    setting = settings().get(key)
    if setting is None:
        yield f"{key} is not a setting{_did_you_mean_key(key)}"
        return
    for value in values:
        if not setting.accepts(value):
            paste = f": {_pasted(key, override.input_line.partition('=')[2])}" if setting.kind is str else ""
            yield f"{key}={_plain(value)}: expected {setting.expected}{paste}"


def _values(override: Override) -> Iterator[object]:
    if not override.is_sweep_override():
        yield _unquoted(override.value())
        return
    if override.is_sweep_override() and isinstance(glob := override.value(), Glob):
        yield from glob.filter(list(groups().get(override.key_or_group, ())))
        return
    try:
        # Each string goes onto a job's command line, so it is parsed again as an override.
        parser = OverridesParser.create()
        for text in override.sweep_string_iterator():
            yield _unquoted(parser.parse_override(f"{override.key_or_group}={text}").value())
    except (HydraException, NotImplementedError):
        return


def _unquoted(value: object) -> object:
    return str(value.text) if hasattr(value, "text") else value  # Hydra's QuotedString


def _plain(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _did_you_mean_key(key: str) -> str:
    keys = [*settings(), *groups()]
    last = key.rsplit(".", 1)[-1]
    # First a setting of the same name in another group, then the most similar key, then the most similar name.
    same = [known for known in keys if known.rsplit(".", 1)[-1] == last]
    close = same or nearest(key, keys, cutoff=0.75)
    if not close:
        names = {known.rsplit(".", 1)[-1]: known for known in keys}
        close = [names[name] for name in nearest(last, names, cutoff=0.7)]
    return f"; did you mean {' or '.join(close[:3])}?" if close else "; `python train.py --cfg job` lists them"


def explained(error: Exception) -> str:
    """Return an error of Hydra or OmegaConf as one sentence, with the remedy if it is known."""
    text = re.sub(r"\s+", " ", f"{error} {error.__cause__ or ''}").strip()
    if found := re.search(r"not in .*?full_key: ([\w.]+)", text):
        key = found[1]
        if key.partition(".")[0] == "experiment":
            return (
                f"{key} is not a setting: add the line `# @package _global_` at the top of the experiment's file, "
                "without which its settings go below `experiment`"
            )
        return f"{key} is not a setting{_did_you_mean_key(key)}"
    return text
