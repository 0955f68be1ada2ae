"""FLAC, from the first available provider: the ``flac`` command, pyflac, or soundfile's libFLAC.

All three run the reference encoder and give the same sizes at the same settings (without padding and seek
table, libFLAC's default). soundfile cannot set the block size. FFmpeg's FLAC encoder in PyAV is a different
program that writes larger files; it would not represent FLAC fairly, so it is not used.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.evaluation.codecs.interface import ClipFile, CodecError, Entry, Unavailable, read_decoded_wav
from idf.evaluation.codecs.programs import run_command

DEFAULT_BLOCK = 4096
"""Block size of ``flac -8`` in samples (libFLAC's default with linear prediction)."""
MIN_BLOCK, MAX_BLOCK = 16, 65535
LARGEST_SUBSET_BLOCK = 4608
"""At rates up to 48 kHz, larger blocks are outside FLAC's streamable subset and need ``--lax``."""


@dataclass(frozen=True)
class FlacCommand:
    """The ``flac`` command at level 8; ``block`` is in samples, ``search`` holds further search options."""

    block: int
    search: tuple[str, ...] = ()
    suffix: str = ".flac"

    def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        # By default the command adds 8 KiB of padding and a seek table, which the format does not need.
        options = ["--no-padding", "--no-seektable", "-8", *self.search, "-b", str(self.block)]
        if self.block > LARGEST_SUBSET_BLOCK:
            options.append("--lax")
        if clip.samples.ndim > 1 and clip.samples.shape[1] > 2:
            options.append("--channel-map=none")  # the channels have no speaker positions
        run_command(["flac", "--silent", *options, "-o", str(target), str(clip.wav)])

    def decode(self, source: Path) -> np.ndarray:
        wav = source.with_suffix(".decoded.wav")
        run_command(["flac", "--silent", "--force", "--decode", "-o", str(wav), str(source)])
        samples = read_decoded_wav(wav, "flac")
        wav.unlink()
        return samples


@dataclass(frozen=True)
class FlacPyflac:
    """libFLAC at level 8 through pyflac, which must be installed; ``block`` is in samples."""

    block: int
    suffix: str = ".flac"

    def prepare(self) -> None:
        import pyflac  # noqa: F401

    def encode(self, clip: ClipFile, target: Path) -> None:
        import pyflac

        encoder = pyflac.FileEncoder(
            clip.wav,
            target,
            compression_level=8,
            blocksize=self.block,
            streamable_subset=self.block <= LARGEST_SUBSET_BLOCK,
        )
        try:
            encoder.process()
        except (pyflac.EncoderInitException, pyflac.EncoderProcessException) as error:
            raise CodecError(f"pyflac cannot encode at block {self.block}: {error}") from error

    def decode(self, source: Path) -> np.ndarray:
        # pyflac's decoder goes through a WAV file; soundfile's libFLAC decodes to memory.
        return read_decoded_wav(source, "soundfile")


@dataclass(frozen=True)
class FlacSoundfile:
    """soundfile's libFLAC at its highest level, equal to ``flac -8``; blocks of 4,096 samples only."""

    suffix: str = ".flac"

    def prepare(self) -> None:
        import soundfile  # noqa: F401

    def encode(self, clip: ClipFile, target: Path) -> None:
        import soundfile

        samples = clip.samples.astype(np.int16)
        soundfile.write(target, samples, clip.rate_hz, format="FLAC", subtype="PCM_16", compression_level=1.0)

    def decode(self, source: Path) -> np.ndarray:
        return read_decoded_wav(source, "soundfile")


def find_flac(block: int) -> Entry | Unavailable:
    """Find FLAC -8 with blocks of ``block`` samples, from the first available provider."""
    name = "FLAC -8" if block == DEFAULT_BLOCK else f"FLAC -8 -b {block}"
    if not MIN_BLOCK <= block <= MAX_BLOCK:
        return Unavailable(
            name,
            f"FLAC blocks have {MIN_BLOCK} to {MAX_BLOCK} samples",
            "compare with the other FLAC rows",
        )
    if block > LARGEST_SUBSET_BLOCK:
        name += " --lax"
    version = _command_version()
    if version is not None:
        return Entry(name, f"{version} command", block, FlacCommand(block))
    if importlib.util.find_spec("pyflac") is not None:
        provider = f"pyflac {importlib.metadata.version('pyflac')}"
        return Entry(name, provider, block, FlacPyflac(block))
    if block == DEFAULT_BLOCK:
        import soundfile

        return Entry(name, f"soundfile {soundfile.__version__} (libFLAC)", block, FlacSoundfile())
    return Unavailable(
        name,
        "soundfile cannot set the block size, and neither the flac command nor pyflac is installed",
        "install the flac command (system package 'flac'), or pyflac: pip install pyflac (needs a C compiler)",
    )


def find_exhaustive_flac(block: int) -> Entry | Unavailable:
    """Find FLAC -8 -e -p with blocks of ``block`` samples, FLAC's smallest files; only the ``flac`` command has -e -p."""
    name = f"FLAC -8 -e -p -b {block}" + (" --lax" if block > LARGEST_SUBSET_BLOCK else "")
    if not MIN_BLOCK <= block <= MAX_BLOCK:
        return Unavailable(
            name, f"FLAC blocks have {MIN_BLOCK} to {MAX_BLOCK} samples", "compare with the other FLAC rows"
        )
    version = _command_version()
    if version is None:
        return Unavailable(name, "the flac command is not on PATH", "install the system package 'flac'")
    return Entry(name, f"{version} command", block, FlacCommand(block, ("-e", "-p")))


def _command_version() -> str | None:
    """Return the output of ``flac --version``, such as "flac 1.4.2", or None without a working command."""
    if shutil.which("flac") is None:
        return None
    try:
        answer = subprocess.run(["flac", "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
