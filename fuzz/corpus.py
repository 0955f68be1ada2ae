"""Write the seed corpus for fuzzing: small valid inputs of every kind.

python -m fuzz.corpus
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator

import numpy as np

from fuzz.targets import CORPUS, TINY, adaptive_codec, bands_codec, codec
from idf.audio.flac import write_flac
from idf.audio.format import AudioFormat, Original
from idf.audio.kinds import KINDS
from idf.audio.pcm_bytes import pcm_bytes
from idf.audio.sources import ArraySource, FlacSource, open_source
from idf.audio.wav import canonical_head, to_wav_bytes
from idf.coding.listing import choose, push_alphabets
from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture
from idf.container.blocks.floats import encode_float_block
from idf.container.blocks.planes import encode_block
from idf.container.stream import encode_stream
from idf.models.file import read_model_file
from idf.models.registry import find_model


def main() -> None:
    """Write all files. They are the same every time."""
    for target, name, data in entries():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def entries() -> Iterator[tuple[str, str, bytes]]:
    """Yield target, name and content of each file of the corpus."""
    for name, samples, bits in _signals():
        audio_format = AudioFormat(8000, samples.shape[1], bits)
        file = io.BytesIO()
        encode_stream(codec(), ArraySource(samples, audio_format), file)
        yield "container", name, file.getvalue()
        yield "salvage", name, file.getvalue()
        kind = bytes([len(samples) - 1, samples.shape[1] - 1, bits // 8 - 1])
        yield "planes", name, kind + encode_block(codec(), samples, bits)
        yield "adaptive", name, kind + encode_block(adaptive_codec(), samples, bits)
        yield "bands", name, kind + encode_block(bands_codec(), samples, bits)
        yield "lattice", name, bytes([bits // 8 - 1]) + pcm_bytes(samples[:, :1], bits)
        yield from _chunks(name, samples, audio_format)
    samples = np.arange(-10, 10, dtype=np.int32)[:, None]
    plain = canonical_head(20, AudioFormat(8000, 1, 16)) + to_wav_bytes(samples, 16)
    odd = plain[:36] + b"LIST\x04\0\0\0info" + plain[36:] + b"tail"
    yield "wav", "odd", odd
    file = io.BytesIO()
    encode_stream(codec(), open_source(io.BytesIO(odd), "odd"), file)
    yield "container", "odd", file.getvalue()
    yield from _floats()
    yield from _flac()
    yield from _alphabets()
    for components in (1, 3):
        symbols = np.arange(-20, 20, dtype=np.int32)
        message = Message()
        shape = (len(symbols), components)
        message.push(symbols, IntegerMixture(*(np.full(shape, value, np.int32) for value in (0, 0, 96))))
        yield (
            "message",
            f"{components}-components",
            struct.pack("BB", len(symbols) - 1, components - 1) + message.to_bytes(),
        )

    for name, path in (("window", TINY), ("adaptive", find_model("fast")), ("bands", find_model("bands-small"))):
        header = read_model_file(path).header | {"provenance": {}}
        yield "model", name, json.dumps(header).encode()


def _chunks(name: str, samples: np.ndarray, audio_format: AudioFormat) -> Iterator[tuple[str, str, bytes]]:
    """Yield a plain file of every kind, and all but WAV also compressed."""
    count, bits = len(samples), audio_format.sample_bits
    for original, kind in KINDS.items():
        pcm = kind.plain_layout(bits).to_bytes(samples, bits)
        plain = kind.plain_head(count, audio_format) + pcm + kind.plain_tail(count, audio_format)
        yield original.name.lower(), name, plain
        if original is not Original.WAV:
            file = io.BytesIO()
            encode_stream(codec(), open_source(io.BytesIO(plain + b"tail"), name), file)
            yield "container", f"{original.name.lower()}-{name}", file.getvalue()


def _alphabets() -> Iterator[tuple[str, str, bytes]]:
    for count in (1, 3):
        channels = [samples[:, 0] for _, samples, bits in _signals() if bits == 16][-count:]
        message = Message()
        push_alphabets(message, [choose(np.tile(channel, 20)) for channel in channels])
        yield "alphabet", f"{count}-channels", bytes([count - 1]) + message.to_bytes()


def _floats() -> Iterator[tuple[str, str, bytes]]:
    rng = np.random.default_rng(0)
    wave = np.rint(3000 * np.sin(np.arange(100) / 9)).astype(np.float32)[:, None]
    kinds = {
        "scaled": np.where(wave == 0, np.float32(-0.0), wave / np.float32(32768)),
        "divided": wave / np.float32(32767),
        "split": np.concatenate([wave / 30011, rng.normal(size=(100, 1))], axis=1).astype(np.float32),
        "as-is": rng.integers(0, 2**32, (40, 2), dtype=np.uint32).view(np.float32),
    }
    for name, values in kinds.items():
        samples = np.ascontiguousarray(values).view(np.int32)
        yield "floats", name, bytes([len(samples) - 1, samples.shape[1] - 1]) + encode_float_block(codec(), samples)
        file = io.BytesIO()
        encode_stream(codec(), ArraySource(samples, AudioFormat(8000, samples.shape[1], 32, True)), file)
        yield "container", f"float-{name}", file.getvalue()


def _flac() -> Iterator[tuple[str, str, bytes]]:
    for name, samples, bits in _signals():
        file = io.BytesIO()
        write_flac(file, AudioFormat(8000, samples.shape[1], bits), [samples])
        data = bytearray(file.getvalue())
        yield "flac", name, bytes(data)
        source = FlacSource(io.BytesIO(data), name)
        yield "flac", f"{name}-kept", source.head
        seek_points = struct.pack(">QQHQQH", 0, 0, 100, 2**64 - 1, 0, 0)
        table = bytes([data[4] & 127, *data[5:42], 3 | 128, 0, 0, len(seek_points)]) + seek_points
        yield "metadata", name, source.head[:9] + b"fLaC" + table
        data[21] &= 0xF0
        data[22:26] = bytes(4)
        tagged = b"ID3\4\0\0\0\0\0\4tags" + bytes(data) + b"TAG" + bytes(125)
        yield "flac", f"{name}-tagged-of-unknown-length", tagged
        packed = io.BytesIO()
        encode_stream(codec(), FlacSource(io.BytesIO(tagged), name), packed, name=b"name.flac")
        yield "container", f"flac-{name}", packed.getvalue()


def _signals() -> Iterator[tuple[str, np.ndarray, int]]:
    rng = np.random.default_rng(0)
    wave = np.rint(3000 * np.sin(np.arange(100) / 9)).astype(np.int32)
    yield "mono-16", wave[:, None], 16
    yield "noise-8", rng.integers(-128, 128, (40, 1)).astype(np.int32), 8
    yield "stereo-16", np.stack([wave, wave // 2 + 3], 1), 16
    yield "stereo-24", np.stack([wave, -wave], 1) * 900 + rng.integers(0, 99, (100, 2)).astype(np.int32), 24
    yield "scaled-24", np.rint(wave[:, None] * 179.2).astype(np.int32), 24
    yield "clipped-16", np.clip(np.rint(wave[:, None] * 2.7), -5000, 5000).astype(np.int32), 16
    yield "few-values-16", np.array([-5000, -700, -90, 0, 90, 700, 5000], np.int32)[np.arange(100)[:, None] * 5 % 7], 16
    yield "constant-3", np.tile(np.array([[1, -2, 3]], np.int32), (50, 1)), 16


if __name__ == "__main__":
    main()
