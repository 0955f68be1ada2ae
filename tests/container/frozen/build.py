"""How the frozen files were made, once. Never run it again: a reader must read what is there for ever.

python tests/container/frozen/build.py FOLDER
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import sys
from pathlib import Path

import numpy as np

from idf.audio.format import AudioFormat
from idf.audio.sources import ArraySource, WavSource
from idf.audio.wav import canonical_head, to_wav_bytes
from idf.config.schema import Config, LayoutConfig, ModelConfig, SharpnessConfig, WidthConfig
from idf.container.stream import encode_stream
from idf.models.build import build_model
from idf.models.load import load_codec, save_model


def voice(count: int, seed: int, loudness: float = 60) -> np.ndarray:
    """Something a linear predictor likes."""
    rng = np.random.default_rng(seed)
    x = np.zeros(count + 2)
    for t in range(2, count + 2):
        x[t] = 1.8 * x[t - 1] - 0.9 * x[t - 2] + rng.normal() * loudness
    return np.clip(np.rint(x[2:]), -32768, 32767).astype(np.int32)


def save_tiny_model(path: Path) -> None:
    config = Config(
        model=ModelConfig("tiny", 64),
        layout=LayoutConfig(channels=4, scales=2),
        width=WidthConfig(components=3, hidden=8, blocks=1, context_frames=1, experts=3),
        sharpness=SharpnessConfig("learned"),
    )
    model = build_model(config)
    rng = np.random.default_rng(4)
    start = model.initial_parameters(0)
    weights = {name: value + rng.normal(size=value.shape).astype(np.float32) * 0.02 for name, value in start.items()}
    save_model(path, config, model, weights, None, {"purpose": "frozen files"})


def odd_wav() -> bytes:
    samples = np.concatenate([voice(3000, 1), np.zeros(63000, np.int32)])
    pcm = to_wav_bytes(samples[:, None], 16)
    head = canonical_head(len(samples), AudioFormat(22050, 1, 16))
    listed = b"LIST" + struct.pack("<I", 10) + b"INFOIART\0\0"
    return head[:36] + listed + head[36:] + pcm + b"id3 \x03\0\0\0tag\0 and bytes after the end"


def signals() -> dict[str, tuple[np.ndarray, AudioFormat]]:
    left = voice(2000, 2)
    rng = np.random.default_rng(5)
    panned = np.stack([left, (left * 5) // 8 + rng.integers(-9, 10, 2000)], 1) * 64 + rng.integers(0, 64, (2000, 2))
    centred = np.stack([left + voice(2000, 3, 4), left], 1)
    many = np.stack(
        [*centred.T, rng.integers(-32768, 32768, 2000), np.full(2000, -77), left & ~15, rng.integers(-1, 2, 2000)], 1
    )
    return {
        "mono-16": (left[:, None], AudioFormat(8000, 1, 16)),
        "stereo-24": (panned * 4, AudioFormat(96000, 2, 24)),
        "stereo-16": (centred, AudioFormat(44100, 2, 16)),
        "mono-8": (left[:, None] >> 8, AudioFormat(8000, 1, 8)),
        "six-16": (many, AudioFormat(48000, 6, 16)),
        "three-24": (rng.integers(-(2**23), 2**23, (500, 3)), AudioFormat(48000, 3, 24)),
        "one-sample": (np.array([[5]]), AudioFormat(11025, 1, 16)),
        "empty": (np.empty((0, 1)), AudioFormat(8000, 1, 16)),
    }


def main(folder: Path) -> None:
    save_tiny_model(folder / "tiny.idfm")
    codec = load_codec(folder / "tiny.idfm")
    sources = {name: ArraySource(x.astype(np.int32), audio_format) for name, (x, audio_format) in signals().items()}
    digests = {}
    for name, source in {**sources, "odd-wav": WavSource(io.BytesIO(odd_wav()), "odd.wav")}.items():
        with open(folder / f"{name}.idf", "wb") as file:
            encode_stream(codec, source, file)
        if name == "odd-wav":
            original = odd_wav()
        else:
            samples, audio_format = signals()[name]
            pcm = to_wav_bytes(samples.astype(np.int32), audio_format.sample_bits)
            original = canonical_head(len(samples), audio_format) + pcm + bytes(len(pcm) % 2)
        digests[name] = {
            "idf": hashlib.sha256((folder / f"{name}.idf").read_bytes()).hexdigest(),
            "wav": hashlib.sha256(original).hexdigest(),
        }
    digests["tiny.idfm"] = {"fingerprint": codec.fingerprint.hex()}
    (folder / "digests.json").write_text(json.dumps(digests, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
