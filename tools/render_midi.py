"""Render MIDI files to floating-point audio with FluidSynth. Used by ``render_clips.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idf.errors import DataError

FRAME_BYTES = 8  # two channels of float32
GAIN = 0.2


def version() -> str:
    """Return the installed version, such as ``FluidSynth 2.3.1``.

    Raises:
        DataError: FluidSynth is not installed.
    """
    if shutil.which("fluidsynth") is None:
        raise DataError("fluidsynth: no such command; install it (Debian, Ubuntu: apt-get install fluidsynth)")
    shown = subprocess.run(["fluidsynth", "--version"], capture_output=True, text=True, check=True).stdout
    return "FluidSynth " + next(
        (line.split()[-1] for line in shown.splitlines() if "runtime version" in line), "unknown"
    )


def render(
    midi: Path, font: Path, *, start_seconds: float, seconds: float, rate_hz: int, voices: str, reverb: float
) -> NDArray[np.float64]:
    """Render an excerpt and return it as float64 (frames, 2), not limited to ±1.

    Args:
        midi, font: MIDI file and sound font.
        start_seconds, seconds: start and length of the excerpt.
        rate_hz: samples per second.
        voices: empty to play the file's instruments, or ranges of keys with instruments, such as
            ``0-52:43 48-127:48``, which replace the file's instruments and omit its drums; see
            :func:`_orchestrate`.
        reverb: room size, from 0 (no reverb and no chorus) to 1.

    Raises:
        DataError: FluidSynth fails, the piece ends before the excerpt, or the excerpt is silent.
    """
    frames = round(seconds * rate_hz)
    skipped = round(start_seconds * rate_hz)
    command = ["fluidsynth", "--no-midi-in", "--no-shell", "--quiet", f"--gain={GAIN}", f"--sample-rate={rate_hz}"]
    command += [
        f"--reverb={int(reverb > 0)}",
        f"--chorus={int(reverb > 0)}",
        f"--option=synth.reverb.room-size={reverb}",
    ]
    command += ["--option=synth.polyphony=1024", "--audio-file-format=float", "--audio-file-type=raw"]
    # Without the second option, FluidSynth falls back to another font if it cannot read this one.
    command += ["--audio-file-endian=little", "--option=synth.default-soundfont="]
    with tempfile.TemporaryDirectory() as folder:
        if voices:
            orchestra = Path(folder) / "orchestra"
            orchestra.write_text(_orchestrate(voices), encoding="utf-8")
            command += [f"--load-config={orchestra}", "--option=player.reset-synth=0"]
        reading, writing = os.pipe()
        command += [f"--fast-render=/dev/fd/{writing}", str(font), str(midi)]
        with os.fdopen(reading, "rb") as stream, tempfile.TemporaryFile() as errors:
            with subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=errors) as process:
                os.close(writing)
                data = stream.read((skipped + frames) * FRAME_BYTES)
                process.kill()  # the rest of the piece is not needed
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
    found = len(data) // FRAME_BYTES
    if found < skipped + frames:
        raise DataError(
            f"{midi}: FluidSynth rendered {found / rate_hz:.1f} s, but the excerpt ends at {start_seconds + seconds:.1f} s"
            + (f"; its output: {said}" if said else "")
        )
    signal = np.frombuffer(data, "<f4").reshape(-1, 2)[skipped:].astype(np.float64)
    if not signal.any():
        raise DataError(
            f"{midi}: silent from {start_seconds:.1f} s with {font}"
            + (f"; FluidSynth's output: {said}" if said else "")
        )
    return signal


def _orchestrate(voices: str) -> str:
    """Return FluidSynth commands that play each range of keys on its own channel.

    Keys come from all channels except that of the drums. Ranges may overlap: a key then sounds in all of them. The
    channels are panned from left to right.
    """
    parts = [part.split(":") for part in voices.split()]
    setup, rules = [], ["router_clear"]
    for channel, (keys, program) in enumerate(parts):
        low, high = keys.split("-")
        place = round(20 + 87 * channel / max(1, len(parts) - 1)) if len(parts) > 1 else 64
        setup += [f"prog {channel} {program}", f"cc {channel} 10 {place}", f"cc {channel} 91 60"]
        for channels in ("0 8", "10 15"):  # channel 9, counted from 0, is for drums
            only = f"router_chan {channels} 0 {channel}"
            rules += ["router_begin note", only, f"router_par1 {low} {high} 1 0", "router_end"]
            rules += ["router_begin cc", only, "router_par1 64 64 1 0", "router_end"]  # the pedal
    return "\n".join(setup + rules) + "\n"
