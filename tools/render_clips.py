"""Make the music clips that models are trained and validated on: rendered, remastered, or cut from recordings.

`rendered_clips.csv` beside this file lists every clip: its set, its source file (MIDI or a recording), the
excerpt, and the processing steps. `corpora.yaml` lists sound fonts, sources, versions, licences, and the digests
of the finished sets, which `build_corpora.py` checks:

    python tools/render_clips.py SOURCE ... --target rendered
    python tools/build_corpora.py rendered --target corpora

An empty column skips its step; a clip without any step is an exact copy of the recording's samples.
The steps, in order:

    font, voices, reverb  render a MIDI file with FluidSynth: sound font, instruments (see render_midi.py), room size
    channels              1: mix both channels to their mean
    width                 factor of the channels' difference; below 1 they become more alike
    peak_db               level of the highest peak, in decibels relative to full scale
    noise_db              add pink room noise of this level
    drive_db, ceiling     amplify, then limit (limit) or clip (clip) at this value
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from idf.installed import need_training

need_training()

# isort: split

import librosa
import mastering
import numpy as np
import render_midi
import soundfile
import yaml
from rich.console import Console
from rich.progress import track
from sound_packages import members

from idf.errors import DataError, run_main
from idf.files import atomic_write

LIST = Path(__file__).resolve().with_name("rendered_clips.csv")
CORPORA = Path(__file__).resolve().with_name("corpora.yaml")

HELP = """
A source is a folder (a clone of a repository, an extracted package, /usr/share/sounds/sf2, the folder of LJ Speech),
a Debian package, or a tar archive.
"""

Row = dict[str, str]


def main() -> int:
    """Render all clips, or those of some sets, and return 0.

    Raises:
        DataError: a source is missing or differs from the list, or FluidSynth has another version.
    """
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tree = yaml.safe_load(CORPORA.read_text(encoding="utf-8"))
    sets = sorted({row["set"] for row in rows})
    parser = argparse.ArgumentParser(
        description=str(__doc__), epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a folder or a package")
    parser.add_argument(
        "--target", type=Path, required=True, metavar="FOLDER", help="clips become FOLDER/SET/NAME.flac"
    )
    parser.add_argument("--set", nargs="+", choices=sets, metavar="NAME", help="only these sets (default: all)")
    arguments = parser.parse_args()
    wanted = [row for row in rows if row["set"] in (arguments.set or sets)]
    if any(row["font"] for row in wanted):
        _check_version(tree["sources"]["tools/render_clips.py"]["version"])
    with tempfile.TemporaryDirectory() as folder:
        found = collect(arguments.sources, wanted, tree["sound_fonts"], Path(folder))
        for row in track(wanted, "rendering", console=Console(stderr=True), transient=True):
            samples = make_clip(row, found)
            with atomic_write(arguments.target / row["set"] / f"{row['name']}.flac") as out:
                soundfile.write(out, samples, int(row["rate_hz"]), format="FLAC", subtype="PCM_16")
    print(f"{len(wanted)} clips in {arguments.target}")
    return 0


def _check_version(listed: str) -> None:
    found = render_midi.version()
    if found != listed:
        raise DataError(
            f"{found} is installed, but the sets were rendered with {listed}, and other versions may round differently; "
            f"install {listed} (Debian 12 has it)"
        )


def collect(sources: Iterable[Path], rows: list[Row], fonts: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Copy the files that ``rows`` need to ``folder`` and return their paths by name.

    Raises:
        DataError: a file is missing, or differs from the list.
    """
    digests = {row["file"]: row["file_sha256"] for row in rows}
    digests |= {row["font"]: fonts[row["font"]]["sha256"] for row in rows if row["font"]}
    origins = {row["file"]: row["source"] for row in rows}
    origins |= {row["font"]: fonts[row["font"]]["from"] for row in rows if row["font"]}
    found: dict[str, Path] = {}
    for source in sources:
        for path, read in members(source):
            for name in [name for name in digests if name not in found and f"/{path}".endswith(f"/{name}")]:
                data = read()
                if (
                    hashlib.sha256(data).hexdigest() == digests[name]
                ):  # otherwise a file of the same name in another package
                    found[name] = folder / f"{len(found)}{Path(name).suffix}"
                    found[name].write_bytes(data)
    missing = [name for name in digests if name not in found]
    if missing:
        name = missing[0]
        raise DataError(
            f"{len(missing)} of {len(digests)} files are missing or of another version, such as {name} of "
            f"{origins[name]}; {CORPORA.name} lists the version needed"
        )
    return found


def make_clip(row: Row, found: dict[str, Path]) -> np.ndarray:
    """Return the clip of a row, int16 (frames, channels).

    Raises:
        DataError: the source is too short or of another format.
    """
    steps = ("font", "width", "peak_db", "noise_db", "drive_db")
    if not any(row[step] for step in steps):
        return _excerpt(row, found[row["file"]], "int16")
    rate_hz, rng = int(row["rate_hz"]), np.random.default_rng(int(row["seed"]))
    if row["font"]:
        signal = render_midi.render(
            found[row["file"]],
            found[row["font"]],
            start_seconds=float(row["start_s"]),
            seconds=float(row["seconds"]),
            rate_hz=rate_hz,
            voices=row["voices"],
            reverb=float(row["reverb"] or 0),
        )
    else:
        signal = _excerpt(row, found[row["file"]], "float64")
    if row["channels"] == "1":
        signal = signal.mean(axis=1, keepdims=True)
    if row["width"]:
        signal = mastering.set_width(signal, float(row["width"]))
    if row["peak_db"]:
        signal = mastering.set_peak(signal, float(row["peak_db"]))
    if row["noise_db"]:
        signal = mastering.add_room(signal, float(row["noise_db"]), rate_hz, rng)
    ceiling = mastering.FULL_SCALE
    if row["drive_db"]:
        kind, value = row["ceiling"].split()
        ceiling = int(value)
        signal = signal * mastering.gain(float(row["drive_db"]))
        if kind == "limit":
            signal = mastering.limit(signal, ceiling / mastering.FULL_SCALE, rate_hz)
    return mastering.quantise(signal, ceiling, rng)


def _excerpt(row: Row, path: Path, dtype: str) -> np.ndarray:
    """Return an excerpt, (frames, channels): its samples as int16, or resampled float64 with at most two channels."""
    rate_hz, channels = int(row["rate_hz"]), int(row["channels"])
    with soundfile.SoundFile(path) as file:
        if file.channels < channels:
            raise DataError(f"{row['name']}: {row['file']} has {file.channels} of {channels} channels")
        if dtype == "int16" and (file.samplerate, file.subtype) != (rate_hz, "PCM_16"):
            raise DataError(
                f"{row['name']}: {row['file']} is {file.subtype} at {file.samplerate} Hz, but only PCM_16 at "
                f"{rate_hz} Hz can be copied unchanged; set peak_db in the row"
            )
        start, frames = (round(float(row[key]) * file.samplerate) for key in ("start_s", "seconds"))
        if file.frames < start + frames:
            raise DataError(f"{row['name']}: {row['file']} ends before the excerpt")
        file.seek(start)
        samples = file.read(frames, dtype=dtype, always_2d=True)
        if dtype == "int16":
            return samples[:, :channels]
        if file.samplerate != rate_hz:
            samples = librosa.resample(samples, orig_sr=file.samplerate, target_sr=rate_hz, axis=0, res_type="soxr_vhq")
        return samples[:, :2]


if __name__ == "__main__":
    sys.exit(run_main(main))
