"""Measure one codec: encode every clip to a file, decode the files in another process, compare, count bytes.

A table row exists only if every clip was decoded without a single changed sample.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import idf
from idf.audio.pcm import write_wav16
from idf.datasets.dataset import Clip, Dataset
from idf.errors import EXIT_USER_ERROR, RunError
from idf.evaluation.codecs.interface import CodecError, Entry, FileCodec, Unavailable, to_json
from idf.files import output_errors


class NotLosslessError(RunError):
    """A codec changed samples. No table is written."""


class WorkerCrash(CodecError):
    """A worker process crashed, or failed with an error that no codec raises. Contains what it printed."""


def unavailable(entry: Entry, error: CodecError) -> Unavailable:
    """Describe the row that could not be made from ``entry``, with the last line of the error."""
    last = str(error).strip().splitlines()[-1] if str(error).strip() else "no message"
    reason = f"{entry.provider} failed: {last}"
    if isinstance(error, WorkerCrash):
        reason = f"{entry.provider}: {str(error).strip().splitlines()[0].rstrip(':')}: {last}"
    return Unavailable(
        entry.codec,
        reason,
        f"install another version of {entry.provider.split()[0]}, or leave the row out of the baselines",
    )


@dataclass(frozen=True)
class WorkingClip:
    """A clip written to files for the workers.

    Args:
        name: the clip's name in the data set.
        samples: sample count, all channels together.
        rate_hz: samples per second of each channel.
        wav, pcm: the samples as a WAV file and as an int32 ``.npy`` file, shaped as in ``ClipFile``.
        channels: number of channels.
    """

    name: str
    samples: int
    rate_hz: int
    wav: Path
    pcm: Path
    channels: int = 1


@dataclass(frozen=True)
class ClipMeasurement:
    """Size and time of one clip.

    ``*_seconds`` are CPU seconds of all threads, ``*_wall_seconds`` elapsed time; ``samples`` counts all channels.
    """

    name: str
    samples: int
    rate_hz: int
    bytes: int
    encode_seconds: float
    decode_seconds: float
    encode_wall_seconds: float
    decode_wall_seconds: float
    channels: int = 1

    @property
    def seconds(self) -> float:
        """Duration of the clip."""
        return self.samples / self.channels / self.rate_hz


@dataclass(frozen=True)
class Measurement:
    """Size, time and memory of a codec over all clips, each decoded and compared.

    Args:
        clips: one measurement per clip, in the order given.
        files: the encoded files in the working folder, in the same order.
        peak_memory_mib: of the encoding or the decoding process, whichever is larger; None if unknown.
    """

    clips: tuple[ClipMeasurement, ...]
    files: tuple[Path, ...]
    peak_memory_mib: float | None


@dataclass(frozen=True)
class _WorkerReport:
    cpu_seconds: tuple[float, ...]
    wall_seconds: tuple[float, ...]
    peak_memory_mib: float | None


def lay_out(dataset: Dataset, clips: Sequence[Clip], folder: Path) -> list[WorkingClip]:
    """Write the clips to ``folder`` in the formats that the workers read.

    Raises:
        DataError: a clip cannot be read.
        OutputError: ``folder`` cannot be written.
    """
    laid_out = []
    for number, clip in enumerate(clips):
        audio = dataset.read(clip)
        laid_out.append(lay_out_clip(clip.name, audio.samples, audio.rate_hz, folder / f"{number:05d}"))
    return laid_out


def lay_out_clip(name: str, samples: np.ndarray, rate_hz: int, stem: Path) -> WorkingClip:
    """Write one clip as ``stem.wav`` and ``stem.npy``.

    Args:
        name: for messages and tables.
        samples: 16-bit integers, ``(time,)`` or ``(time, channels)``.

    Raises:
        OutputError: the folder of ``stem`` cannot be written.
    """
    wav, pcm = stem.with_suffix(".wav"), stem.with_suffix(".npy")
    with output_errors(stem.parent):
        if samples.ndim == 1:
            write_wav16(wav, samples, rate_hz)
        else:
            import soundfile

            # Programs reject the plain WAV header for more than two channels.
            form = "WAV" if samples.shape[1] <= 2 else "WAVEX"
            soundfile.write(wav, samples.astype(np.int16), rate_hz, format=form, subtype="PCM_16")
        np.save(pcm, samples.astype(np.int32))
    return WorkingClip(name, samples.size, rate_hz, wav, pcm, 1 if samples.ndim == 1 else samples.shape[1])


def measure(
    entry: Entry, clips: Sequence[WorkingClip], folder: Path, advance: Callable[[int], None] = lambda samples: None
) -> Measurement:
    """Encode ``clips`` in one fresh process, decode them in another, and compare them with the originals.

    Args:
        entry: the codec to measure.
        clips: at least one.
        folder: an empty folder for the files.
        advance: called with a clip's sample count whenever a clip has been encoded or decoded.

    Raises:
        NotLosslessError: a decoded clip differs; the message names the codec, the clip and the first wrong sample.
        CodecError: the codec refused or failed (:class:`WorkerCrash` if the worker process crashed).
    """
    codec = entry.implementation
    items = [
        {
            "wav": str(clip.wav),
            "pcm": str(clip.pcm),
            "rate_hz": clip.rate_hz,
            "samples": clip.samples,
            "file": str(folder / clip.wav.stem),
            "decoded": str(folder / f"{clip.wav.stem}.npy"),
        }
        for clip in clips
    ]
    encoding = _run_worker(codec, "encode", items, folder, advance)
    files = tuple(Path(str(item["file"]) + codec.suffix) for item in items)
    sizes = [file.stat().st_size for file in files]
    decoding = _run_worker(codec, "decode", items, folder, advance)
    for clip, item in zip(clips, items, strict=True):
        decoded = Path(str(item["decoded"]))
        _compare(entry, clip, np.load(decoded))
        decoded.unlink()
    measured = tuple(
        ClipMeasurement(
            clip.name,
            clip.samples,
            clip.rate_hz,
            size,
            encode_cpu,
            decode_cpu,
            encode_wall,
            decode_wall,
            clip.channels,
        )
        for clip, size, encode_cpu, decode_cpu, encode_wall, decode_wall in zip(
            clips,
            sizes,
            encoding.cpu_seconds,
            decoding.cpu_seconds,
            encoding.wall_seconds,
            decoding.wall_seconds,
            strict=True,
        )
    )
    peaks = [peak for peak in (encoding.peak_memory_mib, decoding.peak_memory_mib) if peak is not None]
    return Measurement(measured, files, max(peaks, default=None))


def _compare(entry: Entry, clip: WorkingClip, decoded: np.ndarray) -> None:
    original = np.load(clip.pcm)
    if decoded.shape != original.shape:
        raise NotLosslessError(
            f"{entry.codec} ({entry.provider}) is not lossless: clip {clip.name} has {_size(original)} samples "
            f"but {_size(decoded)} after decoding; no table was written"
        )
    wrong = np.flatnonzero(decoded != original)
    if wrong.size:
        first = np.unravel_index(wrong[0], original.shape)
        raise NotLosslessError(
            f"{entry.codec} ({entry.provider}) is not lossless: decoding clip {clip.name} changed {wrong.size} of "
            f"{original.size} samples, the first at {first[0]} ({original[first]} became {decoded[first]}); "
            "no table was written"
        )


def _size(samples: np.ndarray) -> str:
    return " × ".join(map(str, samples.shape))


def _run_worker(
    codec: FileCodec, action: str, items: Sequence[dict[str, Any]], folder: Path, advance: Callable[[int], None]
) -> _WorkerReport:
    job = folder / f"{action}.json"
    with output_errors(job):
        job.write_text(json.dumps({"codec": to_json(codec), "action": action, "items": list(items)}))
    cpu_seconds: list[float] = []
    wall_seconds: list[float] = []
    peak: float | None = None
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(
            # -P: modules in the user's current folder must not shadow installed ones.
            [sys.executable, "-P", "-m", "idf.evaluation.measure_worker", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(),
        )
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                report = json.loads(line)
                if "peak_memory_mib" in report:
                    peak = report["peak_memory_mib"]
                    continue
                advance(items[len(cpu_seconds)]["samples"])
                cpu_seconds.append(report["cpu_seconds"])
                wall_seconds.append(report["wall_seconds"])
            status = worker.wait()
        finally:
            if worker.poll() is None:
                worker.terminate()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    if status == EXIT_USER_ERROR:
        raise CodecError(said.removeprefix("error: "))
    if status < 0:
        raise WorkerCrash(f"the {action} process was killed by {signal.Signals(-status).name}\n{said}".strip())
    if status != 0:
        raise WorkerCrash(f"the {action} process exited with status {status}:\n{said}")
    return _WorkerReport(tuple(cpu_seconds), tuple(wall_seconds), peak)


def _environment() -> dict[str, str]:
    """Return the environment of a worker: this process's, with the running ``idf`` package first on ``PYTHONPATH``."""
    package = str(Path(idf.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": package if not others else package + os.pathsep + others}
