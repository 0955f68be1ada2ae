"""Command lines of the form ``name=value``, taken apart and checked in one place.

Used by every command but ``idf`` itself, whose options are those of a Unix program (:mod:`idf.cli`), and
``train.py``, whose settings Hydra reads (:mod:`idf.config.compose`).
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
    """A command line taken apart. Problems are collected, so that one run of the command shows them all.

    Args:
        plain: arguments without ``=`` and without dashes in front.
        settings: values of the command's own ``name=value``, by name.
        passed: ``name=value`` as given, in order, that another command is to read.
        flags: arguments that begin with a dash.
        problems: a sentence each.
    """

    plain: tuple[str, ...]
    settings: dict[str, str]
    passed: tuple[str, ...]
    flags: frozenset[str]
    problems: list[str] = field(default_factory=list)

    @property
    def passed_settings(self) -> dict[str, str]:
        """What is passed on, by name; of two values for one name the later, as Hydra has it."""
        return dict(_split(argument) for argument in self.passed)

    def whole(self, name: str, default: T, least: int = 0) -> int | T:
        """The whole number ``name=``, from ``least`` on; ``default`` if it is not given or (a problem) no such number."""
        text = self.settings.get(name)
        if text is None:
            return default
        if text.isdecimal() and int(text) >= least:
            return int(text)
        self.problems.append(f"{name}={text}: expected a whole number from {least} on")
        return default

    def number(self, name: str, default: T, expected: str, low: float = -math.inf, high: float = math.inf) -> float | T:
        """The number ``name=`` from ``low`` to ``high``; ``default`` if it is not given or (a problem) no such number.

        Args:
            expected: what the message says should be there, such as ``"a number of inches"``.
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
        """The parts of ``name=A,B`` or ``name=[A, B]``; None if it is not given. A list without parts is a problem."""
        text = self.settings.get(name)
        if text is None:
            return None
        parts = tuple(part.strip() for part in text.strip("[]").split(",") if part.strip())
        if not parts:
            self.problems.append(f"{name}={text}: the list is empty")
        return parts

    def chosen(self, name: str, known: Sequence[str], default: str) -> str:
        """The value of ``name=``, which is (else: a problem) one of ``known``."""
        value = self.settings.get(name, default)
        if value not in known:
            self.problems.append(
                f"{name}={value}: expected one of {', '.join(known)}{did_you_mean(value, known, otherwise='')}"
            )
        return value

    def check(self) -> None:
        """Stop if something is wrong.

        Raises:
            ConfigError: with every problem.
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
    """Take a command line apart. Unknown names, a setting given twice and a setting without a value are problems.

    Args:
        settings: names of the command's own settings.
        flags: those that exist, such as ``--dry-run``.
        passes: names that another command is to read, each of them also as ``name.KEY``; None for all others.
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
