"""The commands compress, decompress and verify, file by file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idf.audio.flac import MAX_RATE_HZ
from idf.audio.format import AUDIO_SUFFIXES, OTHER_SUFFIXES, SUFFIXES, Original
from idf.audio.sources import open_source
from idf.cli.batch import do_all
from idf.cli.console import Report
from idf.cli.plan import STREAM, Task, plan
from idf.cli.ready import make_ready
from idf.cli.streams import existing, task_input, task_output
from idf.container.approximation import approximate_stream, partial_codec
from idf.container.files import (
    SUFFIX,
    Check,
    Counted,
    check_packed_name,
    check_target,
    compress_file,
    compress_source,
    decompress_file,
    kind_of_target,
    naming,
    read_file_header,
    restore,
    verify_file,
)
from idf.container.records import read_header
from idf.container.salvage import salvage_stream, survey
from idf.container.stream import Decoder, Size, checked_samples, decode_stream
from idf.errors import OutputError, RunError, UserError
from idf.models import registry
from idf.workers.pool import Processes


def run(arguments: argparse.Namespace) -> int:
    """Run compress, decompress or verify. Returns the exit status."""
    work: Callable[[argparse.Namespace], int] = {
        "compress": _compress,
        "decompress": _decompress,
        "verify": _verify,
    }[arguments.command]
    return work(arguments)


def _compress(arguments: argparse.Namespace) -> int:
    def rename(path: Path) -> str:
        return path.with_suffix(SUFFIX).name

    if arguments.json and arguments.output == STREAM:
        raise OutputError("--json and the compressed file cannot both go to standard output; give a file with -o")
    todo = plan(arguments.files, arguments.output, AUDIO_SUFFIXES, rename, beside=(SUFFIX,))
    for task in todo.tasks:
        if task.target is not None:
            check_packed_name(task.target)
    codec = registry.load_model(arguments.model)
    replace, check = existing(arguments), _check(arguments)
    make_ready(codec, ("encode", "decode") if check == "decode" else ("encode",), quiet=arguments.quiet)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if task.source is not None and task.target is not None and task.seeks:
            return compress_file(
                *(processes(codec), task.source, task.target),
                existing=replace,
                check=check,
                block_seconds=arguments.block,
                jobs=jobs,
                progress=report.advance,
            )
        with task_input(task) as file, task_output(task, arguments, scratch=check == "decode") as output:
            source = open_source(file, task.name)
            return compress_source(
                *(processes(codec), source, output, task.name),
                check=check,
                block_seconds=arguments.block,
                jobs=jobs,
                progress=report.advance,
            )

    return do_all("compressing", todo, work, arguments)


def _decompress(arguments: argparse.Namespace) -> int:
    def rename(path: Path) -> str:
        if arguments.blocks is not None:
            return f"{path.stem}.blocks{arguments.blocks}.wav"
        # --salvage writes WAV, whatever the original was
        return path.with_suffix(".wav").name if arguments.salvage else _original_name(path)

    todo = plan(arguments.files, arguments.output, (SUFFIX,), rename)
    replace = existing(arguments)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if arguments.salvage:
            return _salvage(task, arguments, report)
        if arguments.blocks is not None:
            return _approximate(task, arguments, jobs, report)
        if task.source is not None and task.target is not None and task.seeks:
            codec = processes(_codec_for(task.source, arguments))
            return decompress_file(
                codec, task.source, task.target, existing=replace, jobs=jobs, progress=report.advance
            )
        with task_input(task) as file, task_output(task, arguments, scratch=False) as output, naming(task.name):
            counted = Counted(file)
            decoder = Decoder(counted)  # type: ignore[arg-type]
            codec = processes(_codec_of(decoder.header.fingerprint, arguments))
            if task.target is None:
                samples = decode_stream(codec, decoder, output.write, jobs=jobs, progress=report.advance)
                return Size(samples, decoder.audio_format, counted.count)
            kind = kind_of_target(task.target, decoder.header)
            samples, note = restore(codec, decoder, output, kind, jobs=jobs, progress=report.advance)
            return Size(samples, decoder.audio_format, counted.count, note)

    return do_all("decompressing", todo, work, arguments)


def _verify(arguments: argparse.Namespace) -> int:
    todo = plan(arguments.files, None, (SUFFIX,), None)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if task.source is not None and task.seeks:
            codec = processes(_codec_for(task.source, arguments))
            return verify_file(codec, task.source, jobs=jobs, progress=report.advance)
        with task_input(task) as file, naming(task.name):
            counted = Counted(file)
            decoder = Decoder(counted)  # type: ignore[arg-type]
            codec = processes(_codec_of(decoder.header.fingerprint, arguments))
            decoder.kept_head()
            samples = sum(map(len, checked_samples(codec, decoder, jobs=jobs)))
            return Size(samples, decoder.audio_format, counted.count)

    return do_all("verifying", todo, work, arguments)


def _salvage(task: Task, arguments: argparse.Namespace, report: Report) -> Size:
    """Restore what is intact. Losses count as a failure, but the file is still written."""
    _check_wav_target(task, arguments, "--salvage writes WAV")
    with task_input(task, seek=True) as file, naming(task.name):
        header = survey(file).header
        codec = _codec_of(header.fingerprint, arguments)
        size = file.seek(0, 2)
        samples = 0

        def count(done: int) -> None:
            nonlocal samples
            samples += done
            report.advance(done)

        with task_output(task, arguments, scratch=False) as output:
            loss = salvage_stream(codec, file, output.write, progress=count)
    if header.original is not Original.WAV:
        report.note(f"{task.name}: salvaged as WAV, without the {header.original.name} file's other bytes")
    for note in loss.notes:
        report.warning(f"{task.name}: {note}")
    if loss.ranges or loss.notes:
        ranges = ", ".join(
            f"{first} to {last - 1} ({first / header.rate_hz:.2f} s to {last / header.rate_hz:.2f} s)"
            for first, last in loss.ranges
        )
        lost = sum(last - first for first, last in loss.ranges)
        report.error(
            f"{task.name} is damaged: {samples - lost} of {samples} samples were salvaged"
            + (f"; now silent: {ranges}" if ranges else "")
        )
    return Size(samples, header.audio_format, size)


def _approximate(task: Task, arguments: argparse.Namespace, jobs: int, report: Report) -> Size:
    """Reconstruct an intact file from its first latent blocks."""
    _check_wav_target(task, arguments, "--blocks writes WAV")
    with task_input(task, seek=True) as file, naming(task.name):
        fingerprint = read_header(file).fingerprint
        try:
            codec = partial_codec(_codec_of(fingerprint, arguments), arguments.blocks)
        except RunError as error:
            raise RunError(f"{task.name}: {error}") from error
        size = file.seek(0, 2)
        with task_output(task, arguments, scratch=False) as output:
            spent = approximate_stream(codec, file, output.write, arguments.blocks, jobs=jobs, progress=report.advance)
    place = "" if task.target is None else f", written to {task.target}"
    report.note(
        f"{task.name}: the first {spent.blocks} of {len(spent.names)} blocks (up to {spent.names[spent.blocks - 1]}), "
        f"{100 * spent.share:.1f} % of the bits{place}"
    )
    return Size(spent.samples, spent.audio_format, size)


def _check_wav_target(task: Task, arguments: argparse.Namespace, why: str) -> None:
    if task.target is not None:
        check_target(task.source, task.target, existing(arguments))
        if task.target.suffix.lower() in {*AUDIO_SUFFIXES, *OTHER_SUFFIXES} - {*SUFFIXES[Original.WAV]}:
            raise OutputError(f"{task.target}: {why}; give a .wav file")


def _check(arguments: argparse.Namespace) -> Check:
    return "none" if arguments.no_verify else "decode"


def _codec_of(fingerprint: bytes, arguments: argparse.Namespace) -> Any:
    codec = registry.load_for(fingerprint, arguments.model)
    make_ready(codec, ("decode",), quiet=arguments.quiet)
    return codec


def _codec_for(path: Path, arguments: argparse.Namespace) -> Any:
    header = read_file_header(path)
    try:
        return _codec_of(header.fingerprint, arguments)
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def _original_name(path: Path) -> str:
    """Return the name of the restored file: the original name or, if the compressed file was renamed, its current
    name with the original suffix. Errors about damaged files are raised later."""
    try:
        header = read_file_header(path) if path.is_file() else None
    except (UserError, OSError):
        header = None
    if header is None:
        return path.with_suffix(".wav").name
    usual = SUFFIXES[Original.WAV if header.from_flac and header.rate_hz > MAX_RATE_HZ else header.original]
    name = os.fsdecode(header.name)
    if name and Path(name).with_suffix(SUFFIX).name == path.name and Path(name).suffix.lower() not in OTHER_SUFFIXES:
        return name if _suits(Path(name), usual) else path.with_suffix(usual[0]).name
    suffix = Path(name).suffix
    return path.with_suffix(suffix if suffix.lower() in usual else usual[0]).name


def _suits(name: Path, usual: Sequence[str]) -> bool:
    """Return whether the suffix of a name does not contradict the content."""
    suffix = name.suffix.lower()
    return suffix in usual or all(suffix not in suffixes for suffixes in SUFFIXES.values())
