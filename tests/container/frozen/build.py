"""How the frozen files were made. Never run it again: the existing files must decode for ever.

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

from idf.audio.flac import write_flac
from idf.audio.flac_reading import read_metadata
from idf.audio.format import AudioFormat, Original
from idf.audio.kinds import KINDS
from idf.audio.pcm_bytes import Layout
from idf.audio.sources import ArraySource, Source, open_source
from idf.audio.wav import canonical_head, to_wav_bytes
from idf.config.schema import Config, LayoutConfig, ModelConfig, SharpnessConfig, WidthConfig
from idf.container.stream import encode_stream
from idf.models.build import build_model
from idf.models.load import load_codec, save_model


def voice(count: int, seed: int, loudness: float = 60) -> np.ndarray:
    """Return a signal that suits a linear predictor."""
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
        "faded-24": (faded(1)[:, None], AudioFormat(48000, 1, 24)),
        "float-faded": (bits_of(faded(0.7)[:, None] / 2**23), AudioFormat(48000, 1, 32, True)),
        "stereo-32": (panned * 1025 - 7, AudioFormat(48000, 2, 32)),
        "float-scaled": (bits_of(np.where(centred == 0, -0.0, centred / 32768)), AudioFormat(48000, 2, 32, True)),
        "float-divided": (bits_of(centred.astype(np.float32) / np.float32(32767)), AudioFormat(48000, 2, 32, True)),
        "float-split": (bits_of(odd_floats(left)), AudioFormat(48000, 1, 32, True)),
        "float-as-is": (rng.integers(-(2**31), 2**31, (300, 3)), AudioFormat(48000, 3, 32, True)),
    }


def faded(gain: float) -> np.ndarray:
    """Return 16-bit audio with a fade-in and a louder passage, which use 24 bits, int64 (n,)."""
    sound = voice(14_000, 9) * 256
    sound[:3000] = sound[:3000] * np.arange(3000) // 3000
    sound[-1000:] = np.rint(sound[-1000:] * gain + np.arange(1000) % 16)
    return sound


def bits_of(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).view(np.int32)


def odd_floats(left: np.ndarray) -> np.ndarray:
    odd = [0.0, -0.0, 1e-42, -1e-45, 3e38, np.inf, -np.inf, np.nan]
    return np.concatenate([left / 30011.7, odd, np.linspace(-1, 1, 200) ** 9])[:, None]


def flac() -> bytes:
    """Return a FLAC file with leading and trailing tags and several metadata blocks."""
    file = io.BytesIO()
    write_flac(file, AudioFormat(8000, 1, 16), [voice(1000, 6)[:, None]])
    data = file.getvalue()
    frames = data[len(read_metadata(file, "")) :]
    streaminfo = data[8:42]
    seektable = struct.pack(">QQHQQH", 0, 0, 1000, 2**64 - 1, 0, 0)
    blocks = ((0, streaminfo), (2, b"testapplication"), (3, seektable), (1, bytes(500)))
    metadata = b"".join(
        bytes([kind | 128 * (kind == 1)]) + len(body).to_bytes(3, "big") + body for kind, body in blocks
    )
    return b"ID3\4\0\0\0\0\0\3tag" + b"fLaC" + metadata + frames + b"TAG" + bytes(125)


def kinds() -> dict[str, bytes]:
    """Return AIFF, AIFF-C, CAF and W64 files: both byte orders, extra chunks around the samples, and 8 bits."""
    left = voice(700, 8)
    stereo = np.stack([left, left // 2 + 5], 1)
    floats = bits_of(stereo / 32768)
    caf_of_bits, big = plain(Original.CAF, stereo, AudioFormat(48000, 2, 16)), Layout(is_big_endian=True)
    big_caf = caf_of_bits[:35] + b"\0" + caf_of_bits[36:68] + big.to_bytes(stereo, 16)
    sowt = b"COMM" + struct.pack(">IHIHHQ", 24, 2, 700, 16, 0x400E, 44100 << 48) + b"sowt\0\0"
    pcm = to_wav_bytes(stereo, 16)
    sowt += b"SSND" + struct.pack(">III", len(pcm) + 8, 0, 0) + pcm
    return {
        "aiff-24": plain(Original.AIFF, stereo * 200 + 7, AudioFormat(44100, 2, 24)) + b"NAME\0\0\0\x05voice\0",
        "aiff-8": plain(Original.AIFF, left[:, None] >> 8, AudioFormat(22050, 1, 8)) + b"and bytes behind",
        "aiff-float": plain(Original.AIFF, floats, AudioFormat(48000, 2, 32, True)),
        "aiff-sowt": b"FORM" + struct.pack(">I", len(sowt) + 4) + b"AIFC" + sowt,
        "caf-big-16": big_caf,
        "caf-8": plain(Original.CAF, left[:, None] >> 8, AudioFormat(8000, 1, 8)),
        "w64-32": plain(Original.W64, stereo * 60000 - 3, AudioFormat(96000, 2, 32)),
    }


def plain(original: Original, samples: np.ndarray, about: AudioFormat) -> bytes:
    kind, count = KINDS[original], len(samples)
    pcm = kind.plain_layout(about.sample_bits).to_bytes(samples.astype(np.int32), about.sample_bits)
    return kind.plain_head(count, about) + pcm + kind.plain_tail(count, about)


def main(folder: Path) -> None:
    if not (folder / "tiny.idfm").exists():
        save_tiny_model(folder / "tiny.idfm")
    codec = load_codec(folder / "tiny.idfm")
    arrays = {name: (x.astype(np.int32), audio_format, False) for name, (x, audio_format) in signals().items()}
    arrays["column"] = (voice(100, 7)[:, None], AudioFormat(8000, 1, 16), True)
    sources: dict[str, Source] = {
        name: ArraySource(x, about, is_column=flag) for name, (x, about, flag) in arrays.items()
    }
    files = {"odd-wav": odd_wav(), "flac": flac(), **kinds()}
    sources |= {name: open_source(io.BytesIO(data), name) for name, data in files.items()}
    arrays["flac"] = (voice(1000, 6)[:, None], AudioFormat(8000, 1, 16), False)
    digests = {}
    for name, source in sources.items():
        with open(folder / f"{name}.idf", "wb") as file:
            encode_stream(codec, source, file, name=f"{name}.Ünï".encode() if name in files else b"")
        if name not in arrays:
            original = files[name]
        else:
            samples, audio_format, _ = arrays[name]
            pcm = to_wav_bytes(samples, audio_format.sample_bits)
            original = canonical_head(len(samples), audio_format) + pcm + bytes(len(pcm) % 2)
        digests[name] = {
            "idf": hashlib.sha256((folder / f"{name}.idf").read_bytes()).hexdigest(),
            "wav": hashlib.sha256(original).hexdigest(),
        }
    digests["tiny.idfm"] = {"fingerprint": codec.fingerprint.hex()}
    (folder / "digests.json").write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
