"""TensorFlow without its start-up notes: all modules take it from here, ``from idf.quiet_tensorflow import tf``.

``TF_CPP_MIN_LOG_LEVEL`` in the user's environment, of 0, 1 or 2, brings the notes back.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["tf"]

_SILENT = "3"
"""The log level at which only fatal errors are written: a machine without a GPU counts as an error, real ones raise."""


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Turn standard error away; show what was written if an error is raised.

    TensorFlow's libraries write some notes before they read any setting, so the stream itself is redirected.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _SILENT) != _SILENT:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        terminal = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(terminal, notes.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


with _quietly():
    import tensorflow as tf
