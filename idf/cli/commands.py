"""What each command does, file by file."""

from __future__ import annotations

import argparse
import contextlib
import errno
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from idf.audio.sources import open_path, open_source
from idf.cli.console import Report
from idf.cli.ends import StandardOutput, standard_output_errors
from idf.cli.info import info
from idf.cli.models import models
from idf.cli.plan import AUDIO_SUFFIXES, Task, plan
from idf.container.approximation import approximate_stream, partial_codec
from idf.container.files import (
    FLAC_SUFFIX,
    SUFFIX,
    Check,
    Existing,
    check_target,
    compress_file,
    compress_source,
    copy_stream,
    copy_to,
    decompress_file,
    naming,
    read_file_header,
    verify_file,
)
from idf.container.records import read_header
from idf.container.salvage import salvage_stream, survey
from idf.container.stream import Decoder, Size, checked_samples, decode_stream
from idf.errors import OutputError, RunError, UserError, WorkerError
from idf.files import atomic_write
from idf.models import registry
from idf.workers.pool import Processes

Worker = Callable[[Task, int, Processes, Report], Size]
"""Does one task, with so many blocks at once."""


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    work: Callable[[argparse.Namespace], int] = {
        "compress": _compress,
        "decompress": _decompress,
        "verify": _verify,
        "info": info,
        "models": models,
    }[arguments.command]
    return work(arguments)


def _compress(arguments: argparse.Namespace) -> int:
    tasks = plan(arguments.files, arguments.output, AUDIO_SUFFIXES, lambda path: path.with_suffix(SUFFIX).name)
    codec = registry.load_model(arguments.model)
    existing, check = _existing(arguments), _check(arguments)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if task.source is not None and task.target is not None and task.seeks:
            return compress_file(
                *(processes(codec), task.source, task.target),
                existing=existing,
                check=check,
                jobs=jobs,
                progress=report.advance,
            )
        with _input(task) as file, _output(task, arguments, scratch=check == "decode") as output:
            source = open_source(file, task.name)
            return compress_source(
                *(processes(codec), source, output, task.name), check=check, jobs=jobs, progress=report.advance
            )

    return _each("compressing", tasks, work, arguments)


def _decompress(arguments: argparse.Namespace) -> int:
    def rename(path: Path) -> str:
        if arguments.blocks is not None:
            return f"{path.stem}.blocks{arguments.blocks}.wav"
        # what is salvaged is written as WAV, which has room for what is not sure
        return path.with_suffix(".wav" if arguments.salvage else _original_suffix(path)).name

    tasks = plan(arguments.files, arguments.output, (SUFFIX,), rename)
    existing = _existing(arguments)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if arguments.salvage:
            return _salvage(task, arguments, report)
        if arguments.blocks is not None:
            return _approximate(task, arguments, jobs, report)
        if task.source is not None and task.target is not None and task.seeks:
            codec = processes(_codec_for(task.source, arguments.model))
            return decompress_file(
                codec, task.source, task.target, existing=existing, jobs=jobs, progress=report.advance
            )
        with _input(task) as file, _output(task, arguments, scratch=False) as output, naming(task.name):
            counted = _Counted(file)
            decoder = Decoder(counted)  # type: ignore[arg-type]
            codec = processes(registry.load_for(decoder.header.fingerprint, arguments.model))
            if task.target is not None and task.target.suffix.lower() == FLAC_SUFFIX:
                raise OutputError("standard input can be restored as WAV only; name a .wav file")
            samples = decode_stream(codec, decoder, output.write, jobs=jobs, progress=report.advance)
            return Size(samples, decoder.audio_format, counted.count)

    return _each("decompressing", tasks, work, arguments)


def _verify(arguments: argparse.Namespace) -> int:
    tasks = plan(arguments.files, None, (SUFFIX,), None)

    def work(task: Task, jobs: int, processes: Processes, report: Report) -> Size:
        if task.source is not None and task.seeks:
            codec = processes(_codec_for(task.source, arguments.model))
            return verify_file(codec, task.source, jobs=jobs, progress=report.advance)
        with _input(task) as file, naming(task.name):
            counted = _Counted(file)
            decoder = Decoder(counted)  # type: ignore[arg-type]
            codec = processes(registry.load_for(decoder.header.fingerprint, arguments.model))
            decoder.skip_head()
            samples = sum(map(len, checked_samples(codec, decoder, jobs=jobs)))
            return Size(samples, decoder.audio_format, counted.count)

    return _each("verifying", tasks, work, arguments)


def _each(what: str, tasks: list[Task], work: Worker, arguments: argparse.Namespace) -> int:
    """Do all tasks, several at once if there are several, and say how it went; returns the exit status."""
    report = Report(arguments.quiet, arguments.verbose)
    # one file more than there are workers, so that none waits while a file is opened or renamed
    many = min(arguments.jobs + 1, len(tasks)) if arguments.jobs > 1 else 1
    started = time.perf_counter()

    def one(number: int, task: Task, processes: Processes) -> None:
        begun = time.perf_counter()
        # blocks at once: as many as keep all workers busy, also when one of these files has come to its end
        blocks = min(arguments.jobs, -(-2 * arguments.jobs // min(many, len(tasks) - number)))
        try:
            size = work(task, blocks, processes, report)
        except WorkerError as error:
            report.error(f"{task.name}: {error}")
        except UserError as error:
            report.error(str(error))
        except OSError as error:
            report.error(f"{task.name}: {_reason(error)}")
        else:
            report.done(task.name, size, time.perf_counter() - begun)

    with report.progress(what, lambda: _total_samples(tasks)), Processes(arguments.jobs) as processes:
        if many == 1:
            for number, task in enumerate(tasks):
                one(number, task, processes)
        else:
            with ThreadPoolExecutor(many) as pool:
                try:
                    for _ in pool.map(one, itertools.count(), tasks, itertools.repeat(processes)):
                        pass
                except BaseException:
                    processes.close()  # else the files that are under way would be waited for
                    pool.shutdown(cancel_futures=True)
                    raise
    report.summary(time.perf_counter() - started)
    return 1 if report.totals.failed else 0


def _salvage(task: Task, arguments: argparse.Namespace, report: Report) -> Size:
    """Restore what is whole; a loss counts as a failure, and the file is written all the same."""
    if task.target is not None:
        check_target(task.source, task.target, _existing(arguments))
        if task.target.suffix.lower() == FLAC_SUFFIX and arguments.output is not None:
            raise OutputError(f"{task.target}: what is salvaged is written as WAV; name a .wav file")
    with _input(task, seek=True) as file, naming(task.name):
        header = survey(file).header
        codec = registry.load_for(header.fingerprint, arguments.model)
        size = file.seek(0, 2)
        samples = 0

        def count(done: int) -> None:
            nonlocal samples
            samples += done
            report.advance(done)

        with _output(task, arguments, scratch=False) as output:
            loss = salvage_stream(codec, file, output.write, progress=count)
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
            + (f"; silent now: {ranges}" if ranges else "")
        )
    return Size(samples, header.audio_format, size)


def _approximate(task: Task, arguments: argparse.Namespace, jobs: int, report: Report) -> Size:
    """Write what the first latent blocks tell, of a file that decodes exactly."""
    if task.target is not None:
        check_target(task.source, task.target, _existing(arguments))
        if task.target.suffix.lower() == FLAC_SUFFIX:
            raise OutputError(f"{task.target}: what the first blocks tell is written as WAV; name a .wav file")
    with _input(task, seek=True) as file, naming(task.name):
        fingerprint = read_header(file).fingerprint
        try:
            codec = partial_codec(registry.load_for(fingerprint, arguments.model), arguments.blocks)
        except RunError as error:
            raise RunError(f"{task.name}: {error}") from error
        size = file.seek(0, 2)
        with _output(task, arguments, scratch=False) as output:
            spent = approximate_stream(codec, file, output.write, arguments.blocks, jobs=jobs, progress=report.advance)
    place = "" if task.target is None else f", written to {task.target}"
    report.note(
        f"{task.name}: the first {spent.blocks} of {len(spent.names)} blocks (up to {spent.names[spent.blocks - 1]}), "
        f"{100 * spent.share:.1f} % of the bits{place}"
    )
    return Size(spent.samples, spent.audio_format, size)


@contextlib.contextmanager
def _input(task: Task, *, seek: bool = False) -> Iterator[IO[bytes]]:
    """The source to read from. Standard input and FIFOs are kept in a temporary file where they must seek."""
    with contextlib.ExitStack() as stack:
        stream: Any = sys.stdin.buffer if task.source is None else stack.enter_context(open_path(task.source))
        # a FLAC must seek; its reader needs a real file
        if task.seeks or not (seek or stream.peek(4)[:4] == b"fLaC"):
            yield stream
            return
        with tempfile.TemporaryFile() as file:
            copy_stream(stream, file.write)
            file.seek(0)
            yield file


@contextlib.contextmanager
def _output(task: Task, arguments: argparse.Namespace, *, scratch: bool) -> Iterator[IO[bytes]]:
    """Where to write to.

    Args:
        scratch: what is written must be readable again: standard output gets it when it is whole.
    """
    if task.target is not None:
        check_target(task.source, task.target, _existing(arguments))
        with atomic_write(task.target) as file:
            yield file
        return
    if sys.stdout.isatty() and not arguments.force:
        raise OutputError("binary data is not written to a terminal; name a file with -o, or use --force")
    if not scratch:
        yield StandardOutput()  # type: ignore[misc]
    else:
        with tempfile.TemporaryFile() as file:
            yield file
            copy_to(file, StandardOutput().write)
    with standard_output_errors():
        sys.stdout.buffer.flush()


class _Counted:
    """A stream that counts what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.count = file, 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data


def _existing(arguments: argparse.Namespace) -> Existing:
    return "replace" if arguments.force else "refuse"


def _check(arguments: argparse.Namespace) -> Check:
    return "none" if arguments.no_verify else "decode"


def _codec_for(path: Path, model: str | None) -> Any:
    header = read_file_header(path)
    try:
        return registry.load_for(header.fingerprint, model)
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def _original_suffix(path: Path) -> str:
    """Of what a compressed file is restored to; the error about a broken file comes later."""
    try:
        return FLAC_SUFFIX if path.is_file() and read_file_header(path).from_flac else ".wav"
    except (UserError, OSError):
        return ".wav"


def _total_samples(tasks: list[Task]) -> int | None:
    """Samples in all tasks, where the files say so in their headers."""
    total = 0
    for task in tasks:
        try:
            if task.source is None or not task.seeks:
                return None
            if task.source.suffix.lower() == SUFFIX:
                samples = read_file_header(task.source).samples
            else:
                with open_path(task.source) as file:
                    samples = open_source(file, task.name).announced
        except (UserError, OSError):
            continue
        if samples is None:
            return None
        total += samples
    return total


def _reason(error: OSError) -> str:
    if error.errno == errno.EIO:
        return "the disk cannot be read or written (I/O error)"
    return (error.strerror or str(error)).lower()
