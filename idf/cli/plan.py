"""Planning which file becomes which: walks folders, makes names, and finds name clashes before any work starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from idf.audio.format import AUDIO_SUFFIXES
from idf.errors import DataError, OutputError
from idf.files import is_stream

STREAM = "-"
FILE_SUFFIXES = (*AUDIO_SUFFIXES, ".idf")
"""An output path with one of these suffixes is a file, not a folder to create."""


@dataclass(frozen=True)
class Task:
    """One file to process.

    Attributes:
        source: a path, or None for standard input.
        target: a path, or None for standard output or no output.
    """

    source: Path | None
    target: Path | None

    @property
    def name(self) -> str:
        """The name of the source in messages."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def seeks(self) -> bool:
        """Whether the source is a regular file rather than standard input, a FIFO or a device."""
        return self.source is not None and not is_stream(self.source)


@dataclass
class Plan:
    """The files to process, and those that are not.

    Attributes:
        tasks: the files to process.
        problems: unreadable folders and name clashes, one sentence each.
        ignored: ignored files and folders within the given folders.
    """

    tasks: list[Task] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def plan(
    files: Sequence[str],
    output: str | None,
    suffixes: Sequence[str],
    rename: Callable[[Path], str] | None,
    *,
    beside: Sequence[str] | None = None,
) -> Plan:
    """Return the tasks for the given files and folders.

    Args:
        files: files, folders, or ``-``; empty means standard input if that is not a terminal.
        output: file, folder, ``-``, or None for next to the sources.
        suffixes: suffixes of the files to process in folders.
        rename: makes the target's file name from a source; None if nothing is written.
        beside: suffixes of other files in folders that are ignored without a report; None for all.

    Raises:
        DataError: nothing to do.
        OutputError: all targets clash, or several files would go to one output.
    """
    if not files and not sys.stdin.isatty():
        files = [STREAM]
    result = Plan()
    found: list[tuple[Path | None, Path]] = []
    for name in files:
        if name != STREAM and Path(name).is_dir():
            found += _Folder(Path(name), suffixes, beside, result).files()
        else:
            found.append((None if name == STREAM else Path(name), Path()))
    if not found:
        raise DataError(_nothing(files, suffixes, result))
    if rename is None:
        result.tasks = [Task(source, None) for source, _ in found]
        return result
    if output == STREAM or (output is None and found[0][0] is None):
        if len(found) > 1:
            raise OutputError(f"{len(found)} files cannot go to standard output; give a folder with -o")
        result.tasks = [Task(found[0][0], None)]
        return result
    tasks = []
    into_folder = output is not None and _is_folder(output, files)
    for source, below in found:
        if output is not None and not into_folder:
            tasks.append(Task(source, Path(output)))
        elif source is None:
            raise OutputError("standard input has no file name; give the output with -o FILE")
        else:
            folder = source.parent if output is None else Path(output) / below
            tasks.append(Task(source, folder / rename(source)))
    _separate_clashes(tasks, result)
    return result


def _is_folder(output: str, files: Sequence[str]) -> bool:
    """Return whether the output is a folder, as it must be for anything but a single file."""
    if Path(output).is_dir() or output.endswith(("/", "\\")):
        return True
    several = len(files) > 1 or Path(files[0]).is_dir()
    if several and (Path(output).suffix.lower() in FILE_SUFFIXES or os.path.lexists(output)):
        what = "several files" if len(files) > 1 else "a folder"
        raise OutputError(f"{output} is one file, but the input is {what}; give a folder with -o FOLDER/")
    return several


def _nothing(files: Sequence[str], suffixes: Sequence[str], result: Plan) -> str:
    if result.problems:
        return "; ".join(result.problems)
    what = f"no {' or '.join(suffixes)} files in {', '.join(files)}" if files else "no files given"
    over = f" (ignored: {names(result.ignored)})" if result.ignored else ""
    return f"{what}{over}; give files or folders, or - for standard input (see idf --help)"


def names(paths: Sequence[str], at_most: int = 6) -> str:
    """Return the first ``at_most`` names as text, and how many more there are."""
    more = f" and {len(paths) - at_most} more" if len(paths) > at_most else ""
    return ", ".join(paths[:at_most]) + more


class _Folder:
    """A folder given by the user, walked in alphabetical order. Ignored files and problems go to ``result``."""

    def __init__(self, root: Path, suffixes: Sequence[str], beside: Sequence[str] | None, result: Plan) -> None:
        self._root, self._suffixes, self._beside, self._result = root, suffixes, beside, result

    def files(self) -> list[tuple[Path | None, Path]]:
        """Return the files to process, each with its folder relative to the root."""
        found: list[tuple[Path | None, Path]] = []
        for folder, folders, files in os.walk(self._root, onerror=self._unreadable):
            place = Path(folder)
            for name in sorted(folders):
                if name.startswith(".") or (place / name).is_symlink():
                    folders.remove(name)
                    self._result.ignored.append(f"{place / name}{os.sep}")
            folders.sort()
            found += [
                (place / name, place.relative_to(self._root)) for name in sorted(files) if self._is_taken(place, name)
            ]
        return found

    def _is_taken(self, place: Path, name: str) -> bool:
        path = place / name
        suffix = path.suffix.lower()
        ours = suffix in self._suffixes
        # a dangling link is accepted, so that its error is reported
        if ours and not name.startswith(".") and (path.is_file() or not path.exists()):
            return True
        if ours or (self._beside is not None and suffix not in self._beside):
            self._result.ignored.append(str(path))
        return False

    def _unreadable(self, error: OSError) -> None:
        self._result.problems.append(
            f"{error.filename}: the folder cannot be read ({(error.strerror or '').lower()}); its files are not processed"
        )


def _separate_clashes(tasks: Sequence[Task], result: Plan) -> None:
    """Add the tasks with unique targets to ``result``, and report all others as clashes."""
    by_target: dict[Path | None, dict[str, Task]] = {}
    for task in tasks:
        by_target.setdefault(task.target, {}).setdefault(os.path.abspath(task.name), task)
    clashes = []
    for target, group in by_target.items():
        if len(group) == 1:
            result.tasks += group.values()
        else:
            together = " and ".join(task.name for task in group.values())
            clashes.append(f"{together} would become the same file, {target}; process them one by one with -o")
    if not result.tasks:
        raise OutputError("; ".join(clashes))
    result.problems += clashes
