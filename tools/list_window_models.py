"""List the shipped window models, and the clips that they were trained on.

    python tools/list_window_models.py --ljspeech LJSpeech-1.1     writes window_models.csv and window_clips.csv

A model's row has the SHA-256 and fingerprint of its file and the command that trains it; configuration, data and
step are in the file itself. A clip's row has the digest of its samples and its use: training, or selection of the
best step (validation).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from idf.audio.pcm import read_pcm16
from idf.config.compose import compose
from idf.datasets.dataset import open_dataset
from idf.errors import DataError, run_main
from idf.files import atomic_write_text
from idf.models.registry import SHIPPED, read_card

HERE = Path(__file__).resolve().parent
SIZES = ("small", "medium", "large")
MODELS = tuple(
    [f"bands-{size}{context}" for size in SIZES for context in ("", "-previous")] + [f"flow-{size}" for size in SIZES]
)
SETTINGS = {
    "bands": ("optimizer.learning_rate=0.002",),
    "flow": ("training.steps=4000",),
}


def command_of(model: str) -> str:
    """Return the command that trains a model."""
    layout, size, *context = model.split("-")
    words = [f"layout={layout}", f"model={size}", *(f"context={kind}" for kind in context)]
    words += ["training=window", "data=ljspeech_mini", "data.root=LJSpeech-1.1", *SETTINGS[layout]]
    return " ".join(["python train.py", *words])


def model_rows() -> list[dict[str, object]]:
    """Return one row per model."""
    rows: list[dict[str, object]] = []
    for model in MODELS:
        path = SHIPPED / f"{model}.idfm"
        card = read_card(path)
        rows.append(
            {
                "model": model,
                "window": card.window,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "fingerprint": card.fingerprint.hex(),
                "signature": card.provenance.get("signature"),
                "step": card.provenance.get("step"),
                "configuration": hashlib.sha256(
                    json.dumps(card.provenance.get("config"), sort_keys=True).encode()
                ).hexdigest()[:16],
                "command": command_of(model),
            }
        )
    return rows


def clip_rows(root: Path) -> list[dict[str, object]]:
    """Return one row per clip.

    Raises:
        DataError: a clip is missing.
    """
    dataset = open_dataset(compose(["data=ljspeech_mini", f"data.root={root}"]).data)
    rows: list[dict[str, object]] = []
    for use, clips in (("train", dataset.train), ("validate", dataset.validation)):
        for clip in clips:
            path = root / "wavs" / f"{Path(clip.name).stem}.wav"
            if not path.is_file():
                raise DataError(f"{path} is missing; give the folder of LJ Speech, with wavs/")
            samples = read_pcm16(path).samples
            digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
            rows.append({"clip": path.stem, "use": use, "samples": len(samples), "sha256": digest})
    return rows


def write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Write rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write_text(path, text.getvalue())


def main() -> int:
    """Write both lists and return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ljspeech", type=Path, required=True, help="folder of LJ Speech, with wavs/")
    arguments = parser.parse_args()
    write(HERE / "window_models.csv", model_rows())
    write(HERE / "window_clips.csv", clip_rows(arguments.ljspeech))
    print(f"written {len(MODELS)} models and their clips: {HERE}/window_models.csv, window_clips.csv")
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
