"""Which file becomes which: folders walked, names made, clashes found before any work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from idf.errors import DataError, OutputError
from idf.files import is_stream

STREAM = "-"
AUDIO_SUFFIXES = (".wav", ".wave", ".flac")
"""What is looked for in folders. A file that is named is taken whatever it is called."""


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


def plan(
    files: Sequence[str], output: str | None, suffixes: Sequence[str], rename: Callable[[Path], str] | None
) -> list[Task]:
    """The tasks for what the user named.

    Args:
        files: files, folders, or ``-``; empty means standard input if that is not a terminal.
        output: file, folder, ``-``, or None for beside the sources.
        suffixes: of the files that are looked for in folders.
        rename: makes the target's file name from a source; None where nothing is written.

    Raises:
        DataError: nothing to do.
        OutputError: several files for one target.
    """
    if not files and not sys.stdin.isatty():
        files = [STREAM]
    found = [pair for name in files for pair in _sources(name, suffixes)]
    if not found:
        what = ", ".join(files) + f" holds no {' or '.join(suffixes)} file" if files else "no files given"
        raise DataError(f"{what}; name files or folders, or - for standard input (idf --help)")
    if rename is None:
        return [Task(source, None) for source, _ in found]
    if output == STREAM or (output is None and found[0][0] is None):
        if len(found) > 1:
            raise OutputError(f"{len(found)} files cannot go to standard output; name a folder with -o")
        return [Task(found[0][0], None)]
    # a file for a file; everything else goes into a folder
    into_folder = output is not None and (
        len(found) > 1 or output.endswith(("/", "\\")) or Path(output).is_dir() or any(Path(f).is_dir() for f in files)
    )
    tasks = []
    for source, below in found:
        if output is not None and not into_folder:
            tasks.append(Task(source, Path(output)))
        elif source is None:
            raise OutputError("standard input has no name; say with -o FILE where it goes")
        else:
            folder = source.parent if output is None else Path(output) / below
            tasks.append(Task(source, folder / rename(source)))
    _check_clashes(tasks)
    return tasks


def _sources(name: str, suffixes: Sequence[str]) -> list[tuple[Path | None, Path]]:
    """The files behind a name, each with its folder relative to it."""
    if name == STREAM:
        return [(None, Path())]
    path = Path(name)
    if not path.is_dir():
        return [(path, Path())]
    return [
        (file, file.parent.relative_to(path))
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in suffixes and not file.name.startswith(".") and file.is_file()
    ]


def _check_clashes(tasks: Sequence[Task]) -> None:
    seen: dict[Path | None, Task] = {}
    for task in tasks:
        if task.target in seen:
            raise OutputError(
                f"both {seen[task.target].name} and {task.name} would become {task.target}; do them one by one with -o"
            )
        seen[task.target] = task
