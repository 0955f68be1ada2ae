"""Make recordings of many kinds from clean ones: as processed by telephones, loud mastering and converters.

    python tools/make_kinds.py wavs/LJ001-002[34].wav --target kinds
    python -m benchmarks.codecs kinds/* --models default --baselines sac,monkeys,wavpack,flac

Each kind becomes a folder with one WAV file per clip. Stereo clips stay stereo; `twins` and `delayed` are
always stereo, made from the first channel. The output is deterministic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from idf.audio.format import AudioFormat
from idf.audio.wav import canonical_head, canonical_tail, to_wav_bytes
from idf.errors import DataError, run_main
from idf.files import atomic_write

FULL_SCALE = 1 << 15
CLIPPED_GAIN = 10.0
"""Gain of ``clipped``, a factor: +20 dB."""
DELAY = 13
"""Delay between the channels of ``delayed``, in samples."""


@dataclass(frozen=True)
class Sound:
    """A recording: samples int32 (n, channels) of ``bits`` bits, and samples per second."""

    samples: np.ndarray
    rate_hz: int
    bits: int = 16

    def scaled(self, factor: float, bits: int | None = None) -> Sound:
        """Return the sound multiplied by ``factor``, rounded without dither, and clipped to ``bits`` bits."""
        bits = bits or self.bits
        return replace(self, samples=_rounded(self.samples * factor, bits), bits=bits)


def _rounded(x: np.ndarray, bits: int) -> np.ndarray:
    limit = 1 << (bits - 1)
    return np.clip(np.rint(x), -limit, limit - 1).astype(np.int32)


def _mu_law_values() -> np.ndarray:
    """Return the 16-bit values of the 256 codes of G.711's µ-law, ascending: int32 (256,)."""
    code = np.arange(128)
    magnitude = (((code & 15) << 3) + 132 << (code >> 4)) - 132
    return np.concatenate([-magnitude[::-1], magnitude]).astype(np.int32)


def _a_law_values() -> np.ndarray:
    """Return the 16-bit values of the 256 codes of A-law, ascending: int32 (256,)."""
    code = np.arange(128)
    exponent = code >> 4
    magnitude = ((code & 15) << 4) + 8
    magnitude = np.where(exponent > 0, magnitude + 256 << np.maximum(exponent - 1, 0), magnitude)
    return np.concatenate([-magnitude[::-1], magnitude]).astype(np.int32)


def _companded(values: np.ndarray) -> Callable[[Sound], Sound]:
    """Return a function that replaces each sample by the nearest of ``values``."""
    edges = (values[:-1] + values[1:]) / 2
    return lambda sound: replace(sound, samples=values[np.searchsorted(edges, sound.samples)])


def _low_bits_cleared(count: int) -> Callable[[Sound], Sound]:
    return lambda sound: replace(sound, samples=sound.samples >> count << count)


def _twice_the_rate(sound: Sound) -> Sound:
    """Double the rate by band-limited interpolation with the discrete Fourier transform, rounded without dither."""
    count = len(sound.samples)
    spectrum = np.fft.rfft(sound.samples.astype(np.float64), axis=0)
    raised = np.fft.irfft(spectrum, 2 * count, axis=0) * 2
    return replace(sound, samples=_rounded(raised, sound.bits), rate_hz=2 * sound.rate_hz)


def _normalised(sound: Sound) -> Sound:
    peak = np.abs(sound.samples).max()
    return sound.scaled(0.97 * FULL_SCALE / max(int(peak), 1))


def _twins(sound: Sound) -> Sound:
    """Return a loud, clipped master, +14 dB, whose channels differ by some early reflections only."""
    middle = sound.samples[:, 0].astype(np.float64)
    side = 0.04 * np.roll(middle, 331) - 0.03 * np.roll(middle, 787)
    loud = np.stack([middle + side, middle - side], axis=1) * 5.0
    return replace(sound, samples=_rounded(loud, sound.bits))


def _delayed(sound: Sound) -> Sound:
    first = sound.samples[:, 0]
    return replace(sound, samples=np.stack([first, np.roll(first, DELAY) * 7 // 8], axis=1).astype(np.int32))


KINDS: dict[str, Callable[[Sound], Sound]] = {
    "plain": lambda sound: sound,
    "mu-law": _companded(_mu_law_values()),
    "a-law": _companded(_a_law_values()),
    "louder": lambda sound: sound.scaled(2.7),
    "quieter": lambda sound: sound.scaled(0.7),
    "clipped": lambda sound: sound.scaled(CLIPPED_GAIN),
    "8-in-16": _low_bits_cleared(8),
    "12-in-16": _low_bits_cleared(4),
    "16-in-24": lambda sound: sound.scaled(256, 24),
    "scaled-24": lambda sound: sound.scaled(256 * 0.7, 24),
    "upsampled": _twice_the_rate,
    "normalised": _normalised,
    "twins": _twins,
    "delayed": _delayed,
}


def main() -> int:
    """Read the clips, write every kind of each, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="16-bit WAV or FLAC files")
    parser.add_argument("--target", type=Path, required=True, help="output folder")
    arguments = parser.parse_args()
    sounds = {path: read(path) for path in arguments.clips}
    for kind, make in KINDS.items():
        for path, sound in sounds.items():
            write(arguments.target / kind / f"{path.stem}.wav", make(sound))
    Console().print(f"{arguments.target}: {len(KINDS)} kinds of {len(sounds)} clips")
    return 0


def read(path: Path) -> Sound:
    """Read a clip.

    Raises:
        DataError: it is missing, damaged, not 16-bit, or empty.
    """
    try:
        info = soundfile.info(path)
        if info.subtype != "PCM_16":
            raise DataError(f"{path}: {info.subtype} instead of 16-bit samples; convert it or leave it out")
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: {error.error_string}") from None
    if not len(samples):
        raise DataError(f"{path}: no samples; leave it out")
    return Sound(samples.astype(np.int32), rate_hz)


def write(path: Path, sound: Sound) -> None:
    """Write a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, channels = sound.samples.shape
    audio_format = AudioFormat(sound.rate_hz, channels, sound.bits)
    with atomic_write(path) as file:
        file.write(canonical_head(count, audio_format))
        file.write(to_wav_bytes(sound.samples, sound.bits))
        file.write(canonical_tail(count, audio_format))


if __name__ == "__main__":
    sys.exit(run_main(main))
