"""The main loop of a worker process: receives a codec, then blocks to encode or decode, until its input ends.

:mod:`idf.workers.process` starts it and exchanges pickles with it over standard input and output, which no other process
can reach. It opens no file except the model's, so there is nothing to clean up when it is killed, and it ends by itself
when its parent process is gone.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from contextlib import suppress

from idf.workers.memory import keep_freed_memory, spare_linear_algebra


def main() -> None:
    """Answer requests until the input ends."""
    keep_freed_memory()
    spare_linear_algebra()
    requests = sys.stdin.buffer
    # printed text must not mix with the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError, pickle.UnpicklingError):  # the other end is gone
        codec = None
        while True:
            name, *arguments = pickle.load(requests)
            error, result = None, None
            try:
                if name == "codec":
                    codec = pickle.loads(*arguments)
                else:
                    result = getattr(codec, name)(*arguments)
            except Exception as raised:
                raised.add_note("in a worker process:\n" + traceback.format_exc())
                error = raised
            pickle.dump((error, result), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
