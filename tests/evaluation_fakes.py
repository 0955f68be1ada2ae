"""Fake codecs for tests, in a separate module because worker processes import them by name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.errors import FormatError
from idf.evaluation.codecs.interface import ClipFile, CodecError

_seen: list[str] = []


@dataclass(frozen=True)
class Raw:
    """Stores 16-bit samples after ``head`` zero bytes."""

    head: int = 0
    suffix: str = ".raw"

    def prepare(self) -> None:
        pass

    def encode(self, clip: ClipFile, target: Path) -> None:
        target.write_bytes(bytes(self.head) + clip.samples.astype("<i2").tobytes())

    def decode(self, source: Path) -> np.ndarray:
        return np.frombuffer(source.read_bytes()[self.head :], "<i2").astype(np.int32)


@dataclass(frozen=True)
class Lossy(Raw):
    """Changes sample 5 by one."""

    def decode(self, source: Path) -> np.ndarray:
        samples = super().decode(source)
        samples[5] ^= 1
        return samples


@dataclass(frozen=True)
class Short(Raw):
    """Loses the last sample."""

    def decode(self, source: Path) -> np.ndarray:
        return super().decode(source)[:-1]


@dataclass(frozen=True)
class Failing(Raw):
    """Fails at a given step in a given way."""

    step: str = "encode"
    way: str = "codec"

    def _fail(self) -> None:
        if self.way == "codec":
            raise CodecError("this codec does not accept music")
        if self.way == "format":
            raise FormatError("the file is damaged")
        if self.way == "abort":
            os.abort()
        raise ZeroDivisionError("a bug")

    def encode(self, clip: ClipFile, target: Path) -> None:
        if self.step == "encode":
            self._fail()
        super().encode(clip, target)

    def decode(self, source: Path) -> np.ndarray:
        if self.step == "decode":
            self._fail()
        return super().decode(source)


@dataclass(frozen=True)
class Remembering(Raw):
    """Cheats by decoding only what it encoded in the same process, which must be detected."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        _seen.append(target.name)
        super().encode(clip, target)

    def decode(self, source: Path) -> np.ndarray:
        return super().decode(source) if source.name in _seen else np.zeros(0, np.int32)


@dataclass(frozen=True)
class Costly(Raw):
    """Uses ``burn`` CPU seconds per clip (in a child process if ``child``), ``mib`` MiB, and ``first`` more CPU
    seconds the first time."""

    burn: float = 0.0
    child: bool = False
    mib: int = 0
    first: float = 0.0

    def encode(self, clip: ClipFile, target: Path) -> None:
        if not _seen:
            _seen.append("started")
            _burn(self.first)
        if self.child:
            subprocess.run(
                [sys.executable, "-c", f"import time\nwhile time.process_time() < {self.burn}: pass"], check=True
            )
        else:
            _burn(self.burn)
        np.ones(self.mib * 2**20, np.uint8).sum()
        super().encode(clip, target)


@dataclass(frozen=True)
class Chatty(Raw):
    """Prints to standard output, as libraries do."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        print("a library says hello")
        os.write(1, b"so does C code\n")
        super().encode(clip, target)


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def speech_like(count: int, seed: int = 0) -> np.ndarray:
    """Return a resonance driven by noise of varying loudness, int32 (count,)."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=count) * (200 + 2000 * np.sin(np.arange(count) / 900) ** 2)
    samples = np.zeros(count)
    for t in range(2, count):
        samples[t] = 1.6 * samples[t - 1] - 0.8 * samples[t - 2] + 0.3 * drive[t]
    return np.clip(np.round(samples), -32768, 32767).astype(np.int32)
