"""The model file of the turbo flow: its settings, and where its scale begins, which is the mean of what it learns.

    python tools/build_turbo.py MIX --target idf/data/models/turbo.idfm

MIX is a folder of 16-bit sound files, mono or stereo: the training mix (``docs/benchmark.md``). Each is coded from
the start of before, and what the scale's weights have become at its end is averaged, in two passes: a minute on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from idf import __version__
from idf.audio.pcm import read_pcm16
from idf.config.schema import Config, ModelConfig
from idf.errors import DataError, run_main
from idf.models.build import build_model
from idf.models.load import save_model
from idf.models.turbo.codec import TurboCodec
from idf.models.turbo.model import START, TurboModel, fitted_start

PASSES = 2
_SUFFIXES = (".flac", ".wav")


def clips_of(folder: Path) -> list[Path]:
    """Return the sound files below a folder, by name.

    Raises:
        DataError: there is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise DataError(f"{folder} holds no {' or '.join(_SUFFIXES)} files; give the folder of the training mix")
    return found


def learned_of(model: TurboModel, start: np.ndarray, clips: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Code each clip, int32 (n, channels), and yield the scale's weights at its end, and its number of samples."""
    codec = TurboCodec(model.settings, start, bytes(16))
    for samples in clips:
        state = codec.fresh(samples.shape[1])
        codec.intervals(samples, state=state)
        yield state.scale_weights, samples.size


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="of the training mix")
    parser.add_argument("--target", type=Path, default=Path("turbo.idfm"), help="default: %(default)s")
    arguments = parser.parse_args(words)
    config = Config(model=ModelConfig(name="turbo", family="turbo", window=1))
    model = build_model(config)
    assert isinstance(model, TurboModel)
    paths = clips_of(arguments.folder)
    clips = [read_pcm16(path, channels=2).frames for path in paths]
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(clip.astype("<i4").tobytes())
    start = model.initial_parameters(0)[START]
    for _ in range(PASSES):
        start = fitted_start(learned_of(model, start, clips))[START]
    samples = sum(clip.size for clip in clips)
    facts = {"idf": __version__, "clips": len(clips), "samples": samples, "sha256": digest.hexdigest()}
    facts["command"] = "python tools/build_turbo.py MIX"
    save_model(arguments.target, config, model, {START: start}, None, facts)
    print(f"{arguments.target}: {len(clips)} clips, {samples} samples, start {np.round(start, 3).tolist()}")
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
