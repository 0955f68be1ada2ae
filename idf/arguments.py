"""Parsing and checking of ``name=value`` command lines.

Every command uses this except ``idf`` itself, which has Unix options (:mod:`idf.cli`), and ``train.py``, whose
settings Hydra reads (:mod:`idf.config.compose`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from idf.errors import ConfigError, did_you_mean

T = TypeVar("T")


@dataclass
class Arguments:
    """A parsed command line. Problems are collected, so one run of the command shows them all.

    Args:
        plain: arguments without ``=`` and without leading dashes.
        settings: values of the command's own ``name=value`` settings, by name.
        passed: ``name=value`` arguments for another command, as given and in order.
        flags: arguments that begin with a dash.
        problems: what is wrong, one sentence each.
    """

    plain: tuple[str, ...]
    settings: dict[str, str]
    passed: tuple[str, ...]
    flags: frozenset[str]
    problems: list[str] = field(default_factory=list)

    @property
    def passed_settings(self) -> dict[str, str]:
        """The settings for another command, by name. The last value of a name counts, as in Hydra."""
        return dict(_split(argument) for argument in self.passed)

    def whole(self, name: str, default: T, least: int = 0) -> int | T:
        """Return the integer ``name=``, at least ``least``; ``default`` if it is missing or (a problem) invalid."""
        text = self.settings.get(name)
        if text is None:
            return default
        if text.isdecimal() and int(text) >= least:
            return int(text)
        self.problems.append(f"{name}={text}: expected a whole number of at least {least}")
        return default

    def number(self, name: str, default: T, expected: str, low: float = -math.inf, high: float = math.inf) -> float | T:
        """Return the number ``name=`` in [``low``, ``high``]; ``default`` if it is missing or (a problem) invalid.

        Args:
            name: name of the setting.
            default: value if there is none.
            expected: what the error message asks for, such as ``"a number of inches"``.
            low, high: limits, both included.
        """
        text = self.settings.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        self.problems.append(f"{name}={text}: expected {expected}")
        return default

    def listed(self, name: str) -> tuple[str, ...] | None:
        """Return the items of ``name=A,B`` or ``name=[A, B]``; None if it is missing. An empty list is a problem."""
        text = self.settings.get(name)
        if text is None:
            return None
        parts = tuple(part.strip() for part in text.strip("[]").split(",") if part.strip())
        if not parts:
            self.problems.append(f"{name}={text}: the list is empty")
        return parts

    def chosen(self, name: str, known: Sequence[str], default: str) -> str:
        """Return the value of ``name=``, or ``default`` if it is missing. A value not in ``known`` is a problem."""
        value = self.settings.get(name, default)
        if value not in known:
            self.problems.append(
                f"{name}={value}: expected one of {', '.join(known)}{did_you_mean(value, known, otherwise='')}"
            )
        return value

    def check(self) -> None:
        """Check that there are no problems.

        Raises:
            ConfigError: there are; the message lists all of them.
        """
        if self.problems:
            raise ConfigError(self.problems)


def parse_arguments(
    argv: Sequence[str],
    *,
    settings: Sequence[str] = (),
    flags: Sequence[str] = (),
    passes: Sequence[str] | None = (),
) -> Arguments:
    """Parse a command line. Unknown names, repeated settings and settings without a value are problems.

    Args:
        argv: the arguments.
        settings: names of the command's own settings.
        flags: the command's flags, such as ``--dry-run``.
        passes: names of settings for another command, accepted as ``name=`` and ``name.KEY=``; None for all others.
    """
    found = Arguments((), {}, (), frozenset())
    for argument in argv:
        name, value = _split(argument)
        if argument.startswith("-"):
            if argument in flags:
                found.flags |= {argument}
            else:
                found.problems.append(f"{argument} is not an option{did_you_mean(argument, flags)}")
        elif "=" not in argument:
            found.plain += (argument,)
        elif name in settings:
            if name in found.settings:
                found.problems.append(f"{name} is given twice")
            if not value:
                found.problems.append(f"{name}= has no value")
            found.settings[name] = value
        elif passes is None or name.partition(".")[0] in passes:
            found.passed += (argument,)
        else:
            known = (*settings, *passes)
            found.problems.append(f"{name} is not a setting of this command{did_you_mean(name, known)}")
    return found


def _split(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=")
    return name, value
