"""Which file becomes which: folders walked, names made, clashes found before any work is done."""

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
"""Names that end like this are taken for files, not for folders that are to be made."""


@dataclass(frozen=True)
class Task:
    """One file to work on.

    Attributes:
        source: a path, or None for standard input.
        target: a path, or None for standard output (and where nothing is written).
    """

    source: Path | None
    target: Path | None

    @property
    def name(self) -> str:
        """What to call the source in messages."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def seeks(self) -> bool:
        """Whether the source is a file, not standard input, a FIFO or a device, of which all is read once."""
        return self.source is not None and not is_stream(self.source)


@dataclass
class Plan:
    """What is to be done, and what is not.

    Attributes:
        problems: folders that cannot be read and names that clash, a sentence each.
        passed_over: files and folders in the folders named that are not taken.
    """

    tasks: list[Task] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def plan(
    files: Sequence[str],
    output: str | None,
    suffixes: Sequence[str],
    rename: Callable[[Path], str] | None,
    *,
    beside: Sequence[str] | None = None,
) -> Plan:
    """The tasks for what the user named.

    Args:
        files: files, folders, or ``-``; empty means standard input if that is not a terminal.
        output: file, folder, ``-``, or None for beside the sources.
        suffixes: of the files that are looked for in folders.
        rename: makes the target's file name from a source; None where nothing is written.
        beside: suffixes of other files that may lie there, of which nothing is said; None for all.

    Raises:
        DataError: nothing to do.
        OutputError: several files for one target, and none besides.
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
            raise OutputError(f"{len(found)} files cannot go to standard output; name a folder with -o")
        result.tasks = [Task(found[0][0], None)]
        return result
    tasks = []
    into_folder = output is not None and _is_folder(output, files)
    for source, below in found:
        if output is not None and not into_folder:
            tasks.append(Task(source, Path(output)))
        elif source is None:
            raise OutputError("standard input has no name; say with -o FILE where it goes")
        else:
            folder = source.parent if output is None else Path(output) / below
            tasks.append(Task(source, folder / rename(source)))
    _leave_clashes_out(tasks, result)
    return result


def _is_folder(output: str, files: Sequence[str]) -> bool:
    """Whether the output is a folder: a file for a file, everything else goes into a folder."""
    if Path(output).is_dir() or output.endswith(("/", "\\")):
        return True
    several = len(files) > 1 or Path(files[0]).is_dir()
    if several and (Path(output).suffix.lower() in FILE_SUFFIXES or os.path.lexists(output)):
        what = "several files" if len(files) > 1 else "a folder"
        raise OutputError(f"{output} names one file, and {what} cannot become one; name a folder with -o FOLDER/")
    return several


def _nothing(files: Sequence[str], suffixes: Sequence[str], result: Plan) -> str:
    if result.problems:
        return "; ".join(result.problems)
    what = ", ".join(files) + f" holds no {' or '.join(suffixes)} file" if files else "no files given"
    over = f" (passed over: {names(result.passed_over)})" if result.passed_over else ""
    return f"{what}{over}; name files or folders, or - for standard input (idf --help)"


def names(paths: Sequence[str], at_most: int = 6) -> str:
    """The first of many names, and how many more there are."""
    more = f" and {len(paths) - at_most} more" if len(paths) > at_most else ""
    return ", ".join(paths[:at_most]) + more


class _Folder:
    """A folder that the user named, walked in the order of names; what is not taken goes into ``result``."""

    def __init__(self, root: Path, suffixes: Sequence[str], beside: Sequence[str] | None, result: Plan) -> None:
        self._root, self._suffixes, self._beside, self._result = root, suffixes, beside, result

    def files(self) -> list[tuple[Path | None, Path]]:
        """The files that are taken, each with its folder relative to the root."""
        found: list[tuple[Path | None, Path]] = []
        for folder, folders, files in os.walk(self._root, onerror=self._unreadable):
            place = Path(folder)
            for name in sorted(folders):
                if name.startswith(".") or (place / name).is_symlink():
                    folders.remove(name)
                    self._result.passed_over.append(f"{place / name}{os.sep}")
            folders.sort()
            found += [
                (place / name, place.relative_to(self._root)) for name in sorted(files) if self._is_taken(place, name)
            ]
        return found

    def _is_taken(self, place: Path, name: str) -> bool:
        path = place / name
        suffix = path.suffix.lower()
        ours = suffix in self._suffixes
        # a link that leads nowhere is taken, and its error told
        if ours and not name.startswith(".") and (path.is_file() or not path.exists()):
            return True
        if ours or (self._beside is not None and suffix not in self._beside):
            self._result.passed_over.append(str(path))
        return False

    def _unreadable(self, error: OSError) -> None:
        self._result.problems.append(
            f"{error.filename}: the folder cannot be read ({(error.strerror or '').lower()}); what it holds is not done"
        )


def _leave_clashes_out(tasks: Sequence[Task], result: Plan) -> None:
    """Take the tasks that have a target of their own; of the others, which clash, name all."""
    by_target: dict[Path | None, dict[str, Task]] = {}
    for task in tasks:
        by_target.setdefault(task.target, {}).setdefault(os.path.abspath(task.name), task)
    clashes = []
    for target, group in by_target.items():
        if len(group) == 1:
            result.tasks += group.values()
        else:
            together = " and ".join(task.name for task in group.values())
            clashes.append(f"{together} would become the same file, {target}; do them one by one with -o")
    if not result.tasks:
        raise OutputError("; ".join(clashes))
    result.problems += clashes
