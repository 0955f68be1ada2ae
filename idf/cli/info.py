"""``idf info``: what files contain, from header and index; nothing is decoded."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from idf.audio.sources import open_path
from idf.cli.console import amount
from idf.cli.ends import say
from idf.cli.plan import plan
from idf.container.files import SUFFIX, naming
from idf.container.index import Index, read_index
from idf.errors import DataError, RunError, UserError
from idf.models import registry
from idf.text import printable


def info(arguments: argparse.Namespace) -> int:
    """Print what the files contain. Returns the exit status."""
    todo = plan(arguments.files, None, (SUFFIX,), None)
    for problem in todo.problems:
        _complain(problem)
    failed = bool(todo.problems)
    for task in todo.tasks:
        if task.source is None:
            raise DataError("info cannot read standard input, because it needs a seekable file; give a file")
        try:
            with open_path(task.source) as file, naming(task.name):
                text = (_as_json if arguments.json else _as_text)(task.source, read_index(file))
        except UserError as error:
            _complain(str(error))
            failed = True
        else:
            say(text)
    return int(failed)


def _complain(text: str) -> None:
    print(f"error: {printable(text)}", file=sys.stderr)


def _as_text(path: Path, index: Index) -> str:
    header = index.header
    samples, size = index.end.samples, path.stat().st_size
    values = samples * header.channels
    model = _model_name(header.fingerprint)
    kept = "metadata stored" if header.from_flac else "header stored" if header.has_head else "standard header"
    name = f"{printable(os.fsdecode(header.name))} (" if header.name else ""
    original = f"{name}{header.original.name}, {kept}{')' if name else ''}"
    lines = [
        printable(str(path)),
        f"  audio        {header.channels} channel{'s' * (header.channels > 1)}, {header.audio_format.sample_name}, "
        f"{header.rate_hz} Hz, {samples} samples ({samples / header.rate_hz:.3f} s)",
        f"  size         {amount(size)} for {amount(samples * header.audio_format.frame_bytes)}"
        + (
            f", {8 * size / values:.3f} bits/sample, ratio {samples * header.audio_format.frame_bytes / size:.3f}"
            if values
            else ""
        ),
        f"  original     {original}",
        f"  model        {header.fingerprint.hex()} ({model or 'not installed'})",
        f"  SHA-256      {index.end.digest.hex()} (of the samples)",
        f"  blocks       {len(index.starts)} of {header.chunk_samples} samples ({header.chunk_samples / header.rate_hz:.3f} s)",
    ]
    return "\n".join(lines)


def _as_json(path: Path, index: Index) -> str:
    header = index.header
    return json.dumps(
        {
            "file": str(path),
            "bytes": path.stat().st_size,
            "channels": header.channels,
            "bits": header.sample_bits,
            "rate_hz": header.rate_hz,
            "samples": index.end.samples,
            "float": header.is_float,
            "original": header.original.name.lower(),
            "name": os.fsdecode(header.name) or None,
            "model": header.fingerprint.hex(),
            "model_name": _model_name(header.fingerprint),
            "blocks": len(index.starts),
            "block_samples": header.chunk_samples,
            "sha256_of_samples": index.end.digest.hex(),
        }
    )


def _model_name(fingerprint: bytes) -> str | None:
    try:
        return registry.find_by_fingerprint(fingerprint).stem
    except RunError:
        return None
