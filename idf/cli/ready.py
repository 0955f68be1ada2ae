"""Compiling loops before they are needed: on first use, or in advance with ``idf warm-up``."""

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
from idf.workers.pool import Processes, awaited

WAYS = ("encode", "decode")
_SAMPLES = np.array([[0], [3], [9]], np.int32)
"""A few samples with gaps between their values, so that every encoding loop has work."""
_MESSAGES = (bytes.fromhex("380200001d0a00981606e2fc5ee9ef2c"), b"\x01" * (1 << 17))
"""Messages to decode: one that lists its values, enough for adaptive flows, and one long enough for windows."""

_lock = threading.Lock()
_ready: set[tuple[bytes, str]] = set()
"""Fingerprint and way of each codec whose loops are known to be compiled."""


def make_ready(codec: ChunkCodec, ways: Sequence[str], *, quiet: bool = False) -> bool:
    """Compile the loops that a codec needs, those of encoding and decoding in parallel.

    Prints one line on standard error if anything must be compiled. Without a cache folder, loops are compiled when
    they are called instead.

    Args:
        codec: the codec.
        ways: some of :data:`WAYS`.
        quiet: print nothing.

    Returns:
        Whether anything had to be compiled.
    """
    with _lock:
        missing = [way for way in ways if not _is_ready(codec, way)]
        _ready.update((codec.fingerprint, way) for way in ways)
        if not missing:
            return False
        if not quiet:
            print(
                "compiling loops once for this machine (idf warm-up does so in advance) ...",
                file=sys.stderr,
                flush=True,
            )
        if kept_in() is not None:
            _compile(codec, missing)
        return True


def warm_up(arguments: argparse.Namespace) -> int:
    """Compile the loops of the given models, or of all installed ones. Returns the exit status."""
    folder = kept_in()
    if folder is None:
        raise OutputError("there is no writable folder for compiled loops; set IDF_CACHE=FOLDER")
    named = [registry.read_card(registry.find_model(name)) for name in arguments.models]
    failed = False
    for card in named or registry.iter_cards():
        if isinstance(card, RunError):
            print(f"error: {card}", file=sys.stderr)
            failed = True
            continue
        made = make_ready(registry.load_model(card.path), WAYS, quiet=True)
        say(f"{card.name}: {'compiled' if made else 'ready'}")
    say(f"stored in {folder}")
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
        for used in [pool.submit(_use, working, way) for way in ways]:
            awaited(used)
    finally:
        processes.close()  # also after Ctrl-C
        pool.shutdown()


def _use(codec: ChunkCodec, way: str) -> None:
    """Call every loop of encoding or of decoding."""
    if way == "encode":
        codec.encode(_SAMPLES)
        return
    for message in _MESSAGES:
        with contextlib.suppress(FormatError):  # no model made these messages, but the loops have run
            codec.decode(message, len(_SAMPLES), 1)
            return


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
