"""Terminal output of commands: a console of known width, and a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def open_console(width: int) -> Console:
    """Return a console on standard output. If that is not a terminal, lines have ``width`` characters."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=width)


def progress_bar(*, transient: bool = True) -> Progress:
    """Return a progress display on standard error, so that standard output holds only results.

    Args:
        transient: whether the bars disappear when the work is done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=transient,
    )
