"""Loops that are compiled before they are needed: at first use, and ahead by ``idf warm-up``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from idf.cli.ends import say
from idf.coding.codec import ChunkCodec
from idf.compiled import NotCompiled, kept_in, only_kept
from idf.errors import FormatError, OutputError, RunError
from idf.models import registry
from idf.workers.pool import Processes

WAYS = ("encode", "decode")
_SAMPLES = np.array([[0], [3], [9]], np.int32)
"""Few, with gaps between the values, so that every loop of encoding has something to do."""
_MESSAGES = (bytes.fromhex("380200001d0a00981606e2fc5ee9ef2c"), np.random.default_rng(0).bytes(1 << 17))
"""For decoding: one that lists its values, which is all that adaptive flows need; and one long enough for windows."""

_lock = threading.Lock()
_ready: set[tuple[bytes, str]] = set()
"""Fingerprints and ways."""


def make_ready(codec: ChunkCodec, ways: Sequence[str], *, quiet: bool = False) -> bool:
    """Compile the loops that a codec needs, those of both ways at the same time.

    Says so in one line on standard error. Where there is no folder to keep them, they are compiled when they are called.

    Args:
        ways: some of :data:`WAYS`.

    Returns:
        Whether anything had to be compiled.
    """
    with _lock:
        missing = [way for way in ways if not _is_ready(codec, way)]
        _ready.update((codec.fingerprint, way) for way in ways)
        if not missing:
            return False
        if not quiet:
            print("compiling loops once for this machine (idf warm-up does it ahead) ...", file=sys.stderr, flush=True)
        if kept_in() is not None:
            _compile(codec, missing)
        return True


def warm_up(arguments: argparse.Namespace) -> int:
    """Compile all that the models named need, or all models at hand; returns the exit status."""
    folder = kept_in()
    if folder is None:
        raise OutputError("there is no folder that compiled loops can be kept in; name one with IDF_CACHE=FOLDER")
    named = [registry.read_card(registry.find_model(name)) for name in arguments.models]
    failed = False
    for card in named or registry.iter_cards():
        if isinstance(card, RunError):
            print(f"error: {card}", file=sys.stderr)
            failed = True
            continue
        made = make_ready(registry.load_model(card.path), WAYS, quiet=True)
        say(f"{card.name}: {'compiled' if made else 'ready'}")
    say(f"kept in {folder}")
    return int(failed)


def _is_ready(codec: ChunkCodec, way: str) -> bool:
    if (codec.fingerprint, way) in _ready:
        return True
    try:
        with only_kept():
            _use(codec, way)
    except NotCompiled:
        return False
    return True


def _compile(codec: ChunkCodec, ways: Sequence[str]) -> None:
    jobs = min(len(ways), _cores())
    if jobs == 1:
        for way in ways:
            _use(codec, way)
        return
    processes, pool = Processes(jobs), ThreadPoolExecutor(jobs)
    try:
        working = processes(codec)
        list(pool.map(lambda way: _use(working, way), ways))
    finally:
        processes.close()  # also where Ctrl-C comes
        pool.shutdown()


def _use(codec: ChunkCodec, way: str) -> None:
    """Have every loop of one way called."""
    if way == "encode":
        codec.encode(_SAMPLES)
        return
    for message in _MESSAGES:
        with contextlib.suppress(FormatError):  # they are of no model's making; the loops have run all the same
            codec.decode(message, len(_SAMPLES), 1)
            return


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
