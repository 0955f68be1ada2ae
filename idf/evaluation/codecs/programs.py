"""Codecs that are programs on PATH: WavPack, Monkey's Audio, OptimFROG, MPEG-4 ALS, Sac and others.

They are never downloaded or required; if a command is missing, the evaluation reports the codec as unavailable.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.evaluation.codecs.interface import ClipFile, CodecError, Entry, Unavailable, read_decoded_wav


@dataclass(frozen=True)
class Command:
    """A codec given by two command lines with the placeholders ``{source}`` and ``{target}``."""

    encode_line: tuple[str, ...]
    decode_line: tuple[str, ...]
    suffix: str

    def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        run_command(_fill(self.encode_line, clip.wav, target))
        if not target.is_file():
            raise CodecError(f"{self.encode_line[0]} succeeded but wrote no file")

    def decode(self, source: Path) -> np.ndarray:
        wav = source.with_suffix(".decoded.wav")
        run_command(_fill(self.decode_line, source, wav))
        samples = read_decoded_wav(wav, self.decode_line[0])
        wav.unlink()
        return samples


@dataclass(frozen=True)
class _Program:
    """How to call a command-line codec. ``{program}`` is the first of ``names`` on PATH."""

    label: str
    names: tuple[str, ...]
    encode: str
    decode: str
    suffix: str


PROGRAMS = {
    "wavpack": _Program(
        "WavPack -hh -x6",
        ("wavpack",),
        "{program} -q -y -hh -x6 {source} -o {target}",
        "wvunpack -q -y {source} -o {target}",
        ".wv",
    ),
    "monkeys": _Program(
        "Monkey's Audio -c4000",
        ("mac",),
        "{program} {source} {target} -c4000",
        "{program} {source} {target} -d",
        ".ape",
    ),
    "optimfrog": _Program(
        "OptimFROG preset 5",
        ("ofr",),
        "{program} --encode --silent --preset 5 {source} --output {target}",
        "{program} --decode --silent {source} --output {target}",
        ".ofr",
    ),
    "mpeg4als": _Program(
        "MPEG-4 ALS -b -p -z3",
        ("mp4als", "mp4alsRM23"),
        "{program} -b -p -z3 {source} {target}",
        "{program} -x {source} {target}",
        ".als",
    ),
    "sac": _Program(
        "Sac --normal",
        ("sac",),
        "{program} --encode --normal {source} {target}",
        "{program} --decode {source} {target}",
        ".sac",
    ),
    "srla": _Program(
        "SRLA -m6 -B8192 -V3 -P3",
        ("srla",),
        "{program} -e -m 6 -B 8192 -V 3 -P 3 {source} {target}",
        "{program} -d {source} {target}",
        ".srl",
    ),
    "linne": _Program(
        "LINNE -m7",
        ("linne",),
        "{program} -e -m 7 {source} {target}",
        "{program} -d {source} {target}",
        ".lnn",
    ),
}


def find_command(name: str) -> Entry | Unavailable:
    """Find ``PROGRAMS[name]``, if its command is on PATH."""
    program = PROGRAMS[name]
    for command in program.names:
        if shutil.which(command) is not None:
            lines = [tuple(line.replace("{program}", command).split()) for line in (program.encode, program.decode)]
            return Entry(program.label, f"{command} command", None, Command(lines[0], lines[1], program.suffix))
    commands = " or ".join(program.names)
    return Unavailable(program.label, f"{commands} is not on PATH", f"install {commands} and put it on PATH")


def run_command(line: Sequence[str]) -> None:
    """Run a codec's command line with captured output and no input.

    Raises:
        CodecError: the program is missing or failed; the message ends with the last line of its output.
    """
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        raise CodecError(f"cannot start {line[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        raise CodecError(f"{line[0]} exited with status {done.returncode}" + (f": {said[-1].strip()}" if said else ""))


def _fill(line: Sequence[str], source: Path, target: Path) -> list[str]:
    files = {"{source}": str(source), "{target}": str(target)}
    return [files.get(word, word) for word in line]
