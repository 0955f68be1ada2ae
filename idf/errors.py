"""The two kinds of failure: errors that a user can fix, and bugs.

A :class:`UserError` is printed as one message and ends the program with status 2.
Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class UserError(Exception):
    """An error that the user can fix. The message says what is wrong, where, and what to do."""


class Stopped(KeyboardInterrupt):
    """Raised when a signal ends the program. Cleanup is that of Ctrl-C, the exit status 128 + ``number``.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


class ConfigError(UserError):
    """An invalid configuration. Lists every problem, so one run shows them all.

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
    """Audio that is missing, damaged or in an unsupported format."""


class RunError(UserError):
    """A run folder, checkpoint or model file that cannot be used."""


class FormatError(UserError):
    """A file that is not a compressed file, is damaged, or is of another version."""


class MissingPartError(UserError):
    """A part of the package that is not installed."""


class WorkerError(UserError):
    """A worker process that was killed from outside."""


class OutputError(UserError):
    """A target that cannot be written: it exists, is read-only, or the disk is full."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return up to two of ``known`` that ``word`` probably misspells, the nearest first.

    Args:
        word: the possible misspelling.
        known: the correct words.
        cutoff: least similarity, 0 to 1.
    """
    import difflib  # deferred: only errors need it

    return difflib.get_close_matches(word, list(known), n=2, cutoff=cutoff)


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of a message about the unknown ``word``: ``"; did you mean X?"`` if a known word is similar.

    Args:
        word: the unknown word.
        known: the correct words.
        otherwise: returned if none is similar; None for a list of all known words.
    """
    known = list(known)
    if close := nearest(word, known):
        return f"; did you mean {' or '.join(close)}?"
    if otherwise is not None:
        return otherwise
    return f"; there are {', '.join(known)}" if known else "; there are none"


def run_main(main: Callable[[], int | None]) -> int:
    """Run ``main`` and report user errors as one message and status 2.

    Returns:
        The exit status: what ``main`` returns (None is 0), 2 after a :class:`UserError`,
        130 after Ctrl-C, 128 plus the signal's number after :class:`Stopped`.
    """
    try:
        return main() or 0
    except (UserError, KeyboardInterrupt) as error:
        text, status = f"error: {error}", EXIT_USER_ERROR
        if interrupt := _interrupt(error):
            text, status = "interrupted", getattr(interrupt, "status", EXIT_INTERRUPTED)
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(text, file=sys.stderr)
        return status


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interrupt that caused an error, if any: an interrupted library may fail while it cleans up."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
        error = error.__cause__ or error.__context__
    return None
