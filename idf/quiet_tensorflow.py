"""TensorFlow without its start-up messages. All modules import it from here: ``from idf.quiet_tensorflow import tf``.

Setting ``TF_CPP_MIN_LOG_LEVEL`` to 0, 1 or 2 in the environment shows the messages again.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["tf"]

_SILENT = "3"
"""Log level that shows only fatal errors. TensorFlow logs a missing GPU as an error; real errors raise anyway."""


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Capture standard error, and show it only if an exception is raised.

    TensorFlow's libraries print some messages before they read any setting, so the stream itself is redirected.
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
