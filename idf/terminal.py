"""What commands show while and after they work: a console of known width, a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def open_console(width: int) -> Console:
    """Standard output; where that is no terminal (a file, a pipe), with lines of ``width`` characters."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=width)


def progress_bar(*, transient: bool = True) -> Progress:
    """Bars on standard error, so that standard output holds results only.

    Args:
        transient: they vanish when the work is done.
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
