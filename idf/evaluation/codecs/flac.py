"""FLAC, from the first provider that can: the ``flac`` command, pyflac, soundfile's libFLAC.

All three run the same reference encoder and give the same sizes at the same settings (padding and seek
table off, as libFLAC's own default is). soundfile does not let the block size be chosen. PyAV's FLAC encoder
is another program with larger files and no fair stand-in, so it is not used.
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
"""Samples in a block of ``flac -8`` (libFLAC's default whenever linear prediction is on)."""
MIN_BLOCK, MAX_BLOCK = 16, 65535
LARGEST_SUBSET_BLOCK = 4608
"""At rates up to 48 kHz, larger blocks leave the streamable subset of FLAC and need ``--lax``."""


@dataclass(frozen=True)
class FlacCommand:
    """The ``flac`` command at level 8; ``block`` in samples, ``search`` what else it is told to try."""

    block: int
    search: tuple[str, ...] = ()
    suffix: str = ".flac"

    def prepare(self) -> None:
        """Nothing to load."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        # The command reserves 8 KiB of padding and a seek table for players; the format needs neither.
        options = ["--no-padding", "--no-seektable", "-8", *self.search, "-b", str(self.block)]
        if self.block > LARGEST_SUBSET_BLOCK:
            options.append("--lax")
        if clip.samples.ndim > 1 and clip.samples.shape[1] > 2:
            options.append("--channel-map=none")  # which loudspeaker a channel is for is not said
        run_command(["flac", "--silent", *options, "-o", str(target), str(clip.wav)])

    def decode(self, source: Path) -> np.ndarray:
        wav = source.with_suffix(".decoded.wav")
        run_command(["flac", "--silent", "--force", "--decode", "-o", str(wav), str(source)])
        samples = read_decoded_wav(wav, "flac")
        wav.unlink()
        return samples


@dataclass(frozen=True)
class FlacPyflac:
    """libFLAC at level 8 through pyflac, which must be installed; ``block`` in samples."""

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
        # pyflac's own decoder writes a WAV file and reads it back; libFLAC in soundfile decodes to memory.
        return read_decoded_wav(source, "soundfile")


@dataclass(frozen=True)
class FlacSoundfile:
    """libFLAC inside soundfile at its highest level, which is ``flac -8`` exactly, block 4,096 only."""

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
    """FLAC -8 at ``block`` samples, from the first provider that is here and can."""
    name = "FLAC -8" if block == DEFAULT_BLOCK else f"FLAC -8 -b {block}"
    if not MIN_BLOCK <= block <= MAX_BLOCK:
        return Unavailable(
            name,
            f"FLAC has blocks of {MIN_BLOCK} to {MAX_BLOCK} samples",
            "nothing to do; compare with the other FLAC rows",
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
        "soundfile's libFLAC has no setting for the block size, and neither the flac command nor pyflac is here",
        "install the flac command (your system's package 'flac'), or pyflac: pip install pyflac (needs a C compiler)",
    )


def find_exhaustive_flac(block: int) -> Entry | Unavailable:
    """FLAC -8 -e -p at ``block`` samples, its smallest files: by the ``flac`` command, which alone has these options."""
    name = f"FLAC -8 -e -p -b {block}" + (" --lax" if block > LARGEST_SUBSET_BLOCK else "")
    if not MIN_BLOCK <= block <= MAX_BLOCK:
        return Unavailable(name, f"FLAC has blocks of {MIN_BLOCK} to {MAX_BLOCK} samples", "see the other FLAC rows")
    version = _command_version()
    if version is None:
        return Unavailable(name, "no command flac on PATH", "install your system's package 'flac'")
    return Entry(name, f"{version} command", block, FlacCommand(block, ("-e", "-p")))


def _command_version() -> str | None:
    """What ``flac --version`` says, such as "flac 1.4.2"; None when there is no working command."""
    if shutil.which("flac") is None:
        return None
    try:
        answer = subprocess.run(["flac", "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
