"""How the frozen files of the shipped models were made: one per model, and a 24-bit one if it codes low bits.

python tests/container/frozen/build_shipped.py FOLDER [MODEL…]

Only add files for new models. Existing files must decode for ever.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import soundfile

from idf.audio.format import AudioFormat
from idf.audio.sources import ArraySource
from idf.audio.wav import canonical_head, to_wav_bytes
from idf.container.stream import encode_stream
from idf.datasets.demo import demo_folder
from idf.models.registry import SHIPPED, load_model

CLIP, SAMPLES = "something-terribly-wrong", 18_000
"""More samples than a window of any model."""
DELAY = 9


def signal(channels: int) -> np.ndarray:
    """Return 8 kHz speech with a full-scale click, int32 (n, channels); a second channel is delayed and quieter."""
    speech, _ = soundfile.read(demo_folder() / f"{CLIP}.flac", dtype="int16", frames=SAMPLES)
    left = speech.astype(np.int32)
    left[9_000], left[9_001] = 32767, -32768
    return np.stack([left, np.roll(left, DELAY) * 3 // 4], axis=1)[:, :channels]


def fine_signal(channels: int) -> np.ndarray:
    """Return the same half a sample later with 24 bits and a little noise, int32 (n, channels)."""
    samples = signal(channels)
    between = 128 * (samples + np.roll(samples, 1, axis=0))
    noisy: np.ndarray = between + np.random.default_rng(0).integers(-40, 40, samples.shape)
    return noisy.astype(np.int32)


def main(folder: Path, names: list[str]) -> None:
    listed = folder / "digests.json"
    digests = json.loads(listed.read_text()) if listed.is_file() else {}
    for name in names or sorted(path.stem for path in SHIPPED.glob("*.idfm")):
        codec = load_model(name)
        channels = 2 if codec.joins_channels else 1
        files = {name: (signal(channels), 16)}
        if codec.max_low_bits:
            files[f"{name}-24"] = fine_signal(channels), 24
        for stem, (samples, bits) in files.items():
            audio_format, out = AudioFormat(8000, channels, bits), io.BytesIO()
            encode_stream(codec, ArraySource(samples, audio_format), out)
            (folder / f"{stem}.idf").write_bytes(out.getvalue())
            wav = canonical_head(len(samples), audio_format) + to_wav_bytes(samples, bits)
            digests[stem] = {
                "fingerprint": codec.fingerprint.hex(),
                "idf": hashlib.sha256(out.getvalue()).hexdigest(),
                "wav": hashlib.sha256(wav).hexdigest(),
            }
    listed.write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
