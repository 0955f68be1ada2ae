"""Rebuild the demo speech of ``idf/data/demo`` from its source, a Debian package.

The clips are selected here; the digests of their samples are in the committed ``manifest.json``. Nothing is written
unless a rebuild gives exactly those samples.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sound_packages import members

from idf.audio.pcm import read_pcm16
from idf.errors import DataError, run_main
from idf.files import atomic_write, atomic_write_text

DEMO = Path(__file__).resolve().parent.parent / "idf" / "data" / "demo"
VERSION = "demo-v1"
VOICE_FOLDER = "en_US_f_Allison"

# Every clip is at least 2.1 s long, so a window of 2^14 samples fits at 8 kHz. Silence, recordings other than
# speech, and repetitive variants of menus are left out.
SELECTION = {
    "train": """
        agent-alreadyon at-tone-time-exactly auth-incorrect basic-pbx-ivr-main call-fwd-no-ans
        check-number-dial-again conf-adminmenu-18 conf-invalid conf-onlyperson conf-usermenu
        confbridge-begin-glorious-b confbridge-mute-extended confbridge-pin confbridge-rest-list-vol-out
        demo-abouttotry demo-enterkeywords demo-instruct demo-nogo dir-firstlast dir-intro-fn invalid
        pbx-invalidpark priv-callee-options privacy-unident queue-thereare queue-youarenext speed-dial-empty
        ss-noservice tt-allbusy tt-weasels vm-intro vm-login vm-mailboxfull vm-mismatch vm-newuser vm-nobox
        vm-nonumber vm-options vm-rec-temp vm-record-prepend vm-review vm-tempgreeting2
    """,
    "validation": "agent-user confbridge-lock-extended demo-moreinfo priv-callpending vm-instructions",
    "test": """
        agent-incorrect demo-echotest demo-thanks dir-usingkeypad queue-periodic-announce
        something-terribly-wrong unidentified-no-callback vm-forward vm-tocallback
    """,
}

HELP = f"""
To get the package on Debian or Ubuntu without installing it:
  apt-get update && apt-get download asterisk-core-sounds-en-wav
  python tools/build_demo_data.py --package asterisk-core-sounds-en-wav_1.6.1-1_all.deb
Or, extracted elsewhere (dpkg -x FILE.deb FOLDER, or any unpacker):
  python tools/build_demo_data.py --folder FOLDER
FOLDER is searched for {VOICE_FOLDER}/*.wav.
"""


def main() -> int:
    """Collect the clips, check them against the manifest, write them, and return 0."""
    parser = argparse.ArgumentParser(
        description="Rebuild the demo speech from the Debian package asterisk-core-sounds-en-wav (version 1.6.1-1).",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--package", type=Path, metavar="FILE.deb", help="the Debian package")
    source.add_argument(
        "--folder",
        type=Path,
        metavar="EXTRACTED",
        help="folder with the extracted package",
    )
    parser.add_argument(
        "--target",
        type=Path,
        default=DEMO,
        help="output folder (default: %(default)s)",
    )
    arguments = parser.parse_args()
    recordings = dict(read_package(arguments.package) if arguments.package else read_folder(arguments.folder))
    build(recordings, arguments.target)
    return 0


def build(recordings: dict[str, Path | io.BytesIO], target: Path) -> None:
    """Write the selection and its manifest, after checking every clip against the manifest in ``target``.

    Raises:
        DataError: a clip is missing or differs.
    """
    clips = []
    samples_of = {}
    rates = set()
    for split, names in SELECTION.items():
        for name in sorted(names.split()):
            if name not in recordings:
                raise DataError(f"the source lacks {VOICE_FOLDER}/{name}.wav; use version 1.6.1-1 of the package")
            samples, rate_hz = read_clip(recordings[name])
            samples_of[name] = samples
            rates.add(rate_hz)
            digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
            clips.append(
                {
                    "name": name,
                    "split": split,
                    "samples": len(samples),
                    "sha256": digest,
                }
            )
    if len(rates) != 1:
        raise DataError(f"the recordings have different rates: {sorted(rates)} Hz")
    rate_hz = rates.pop()
    manifest = {"version": VERSION, "rate_hz": rate_hz, "clips": clips}
    manifest_path = target / "manifest.json"
    if manifest_path.exists():
        compare(
            json.loads(manifest_path.read_text(encoding="utf-8")),
            manifest,
            manifest_path,
        )
    for name, samples in samples_of.items():
        encoded = io.BytesIO()
        soundfile.write(
            encoded,
            samples,
            rate_hz,
            format="FLAC",
            subtype="PCM_16",
            compression_level=1.0,
        )
        with atomic_write(target / f"{name}.flac") as file:
            file.write(encoded.getvalue())
        if not np.array_equal(read_pcm16(target / f"{name}.flac").samples, samples):
            raise DataError(f"{target / name}.flac does not decode to the original samples")
    atomic_write_text(manifest_path, json.dumps(manifest, indent=1) + "\n")
    total = sum(len(samples) for samples in samples_of.values())
    print(f"{target}: {len(clips)} clips, {total / rate_hz / 60:.1f} minutes; all digests match the manifest")


def compare(expected: dict[str, Any], found: dict[str, Any], path: Path) -> None:
    """Compare a rebuilt manifest with the committed one.

    Raises:
        DataError: they differ.
    """
    if expected == found:
        return
    old, new = ({clip["name"]: clip for clip in manifest["clips"]} for manifest in (expected, found))
    different = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    raise DataError(
        f"the source does not give the clips of {path}: {', '.join(different) or 'version or rate'} differ; "
        f"nothing was written. To make a new version of the data on purpose, remove the manifest first"
    )


def read_clip(source: Path | io.BytesIO) -> tuple[np.ndarray, int]:
    """Return the samples of a recording, int16 (time,), and its rate in Hz.

    Raises:
        DataError: it is not mono.
    """
    samples, rate_hz = soundfile.read(source, dtype="int16")
    if samples.ndim != 1:
        raise DataError(f"{source}: expected a mono recording")
    return samples, rate_hz


def read_folder(folder: Path) -> Iterator[tuple[str, Path | io.BytesIO]]:
    """Yield the name and path of each recording of the voice's folder, anywhere under ``folder``.

    Raises:
        DataError: there is no such folder, or it has no such recordings.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = [path for path in folder.rglob("*.wav") if path.parent.name == VOICE_FOLDER]
    if not found:
        raise DataError(f"{folder}: no {VOICE_FOLDER}/*.wav in it; extract the Debian package there first")
    yield from ((path.stem, path) for path in found)


def read_package(package: Path) -> Iterator[tuple[str, io.BytesIO]]:
    """Yield the name and bytes of each recording in the Debian package."""
    for name, read in members(package):
        path = Path(name)
        if path.suffix == ".wav" and path.parent.name == VOICE_FOLDER:
            yield path.stem, io.BytesIO(read())


if __name__ == "__main__":
    sys.exit(run_main(main))
