"""The two kinds of failure: what a user can mend, and everything else.

A :class:`UserError` is printed as one message and ends the program with status 2.
Any other exception is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class UserError(Exception):
    """Something the user can mend. The message names the file, the finding and the remedy."""


class Stopped(KeyboardInterrupt):
    """A signal told the program to end: cleaned up after like Ctrl-C, with an exit status of its own.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


class ConfigError(UserError):
    """An invalid configuration. Collects every problem, so that one run shows them all.

    Args:
        problems: one sentence each, without trailing newline.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        head = (
            "the configuration has a problem"
            if len(self.problems) == 1
            else f"the configuration has {len(self.problems)} problems"
        )
        super().__init__(head + ":\n" + "\n".join(f"  - {problem}" for problem in self.problems))


class DataError(UserError):
    """Audio that is missing, damaged or of an unsupported kind."""


class RunError(UserError):
    """A run folder, checkpoint or model file that cannot be used."""


class FormatError(UserError):
    """A compressed file that is damaged, foreign, or of another version."""


class MissingPartError(UserError):
    """A part of the package that is not installed."""


class WorkerError(UserError):
    """A process that worked for this one was ended from outside."""


class OutputError(UserError):
    """A target that cannot be written: it exists, is read-only, or the disk is full."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Up to two of ``known`` that ``word`` is probably a misspelling of, the nearest first.

    Args:
        cutoff: least similarity, 0 to 1.
    """
    import difflib  # deferred: only mistakes need it

    return difflib.get_close_matches(word, list(known), n=2, cutoff=cutoff)


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of a message about ``word``: ``"; did you mean X?"`` where a known word is near.

    Args:
        known: words that would be right.
        otherwise: returned where none is near; None for a list of all that are known.
    """
    known = list(known)
    if close := nearest(word, known):
        return f"; did you mean {' or '.join(close)}?"
    if otherwise is not None:
        return otherwise
    return f"; there are {', '.join(known)}" if known else "; there are none"


def run_main(main: Callable[[], int | None]) -> int:
    """Run ``main`` and turn user errors into one message and status 2.

    Returns:
        The exit status: what ``main`` returned (None is 0), 2 after a :class:`UserError`,
        130 after Ctrl-C, 128 and the signal's number after :class:`Stopped`.
    """
    try:
        return main() or 0
    except (UserError, KeyboardInterrupt) as error:
        text, status = f"error: {error}", EXIT_USER_ERROR
        if interrupt := _interrupt(error):
            text, status = "interrupted", getattr(interrupt, "status", EXIT_INTERRUPTED)
        with contextlib.suppress(OSError):  # a terminal that is gone
            print(text, file=sys.stderr)
        return status


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that an error came of: a library that is interrupted in the middle may fail as it cleans up."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
        error = error.__cause__ or error.__context__
    return None
