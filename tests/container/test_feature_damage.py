"""Damage to files with every feature: edits, cuts and reorderings raise errors and never yield other audio."""

from __future__ import annotations

import io
import itertools
import os
from typing import Any

import numpy as np
import pytest

from idf.audio.flac import write_flac
from idf.audio.format import AudioFormat, Original
from idf.audio.kinds import KINDS
from idf.audio.sources import ArraySource, Source, open_source
from idf.audio.wav import canonical_head, to_wav_bytes
from idf.container.index import read_index
from idf.container.salvage import salvage_stream
from idf.container.stream import Decoder, checked_samples, decode_stream, encode_stream
from idf.errors import DataError, FormatError
from tests.signals import speech

EDITS = int(os.environ.get("IDF_TEST_EDITS", "1000"))
"""Random edits per kind. 10,000 take several minutes and found nothing when the format was frozen."""
SAMPLES = np.stack([speech(300), speech(300, seed=1)], axis=1)


def flac() -> Source:
    file = io.BytesIO()
    write_flac(file, AudioFormat(8000, 2, 16), [SAMPLES])
    return open_source(io.BytesIO(b"ID3\4\0\0\0\0\0\2hi" + file.getvalue() + b"TAG" + bytes(125)), "x.flac")


def chunks() -> Source:
    head = canonical_head(300, AudioFormat(8000, 2, 16))
    wav = head[:36] + b"bext\x58\2\0\0" + bytes(600) + head[36:] + to_wav_bytes(SAMPLES, 16) + b"iXML\4\0\0\0<a/>"
    return open_source(io.BytesIO(wav), "x.wav")


def floats(scale: float) -> Source:
    bits = (SAMPLES / scale).astype(np.float32).view(np.int32)
    return ArraySource(bits, AudioFormat(8000, 2, 32, True))


def plain_file(original: Original, bits: int, count: int = 300) -> bytes:
    kind, about = KINDS[original], AudioFormat(8000, 2, bits)
    samples = SAMPLES[:count] >> 8 if bits == 8 else SAMPLES[:count]
    pcm = kind.plain_layout(bits).to_bytes(samples, bits)
    return kind.plain_head(count, about) + pcm + b"bytes behind"


def file_of(original: Original, bits: int) -> Source:
    return open_source(io.BytesIO(plain_file(original, bits)), "x")


FEATURES = {
    "floats, scaled": lambda: floats(32768),
    "floats, split": lambda: floats(30011.7),
    "32 bits": lambda: ArraySource(SAMPLES * 65_537 - 9, AudioFormat(8000, 2, 32)),
    "flac": flac,
    "chunks": chunks,
    "aiff, big-endian": lambda: file_of(Original.AIFF, 24),
    "aiff, signed": lambda: file_of(Original.AIFF, 8),
    "caf": lambda: file_of(Original.CAF, 16),
    "w64": lambda: file_of(Original.W64, 16),
}


def packed(codec: Any, feature: str) -> bytes:
    file = io.BytesIO()
    encode_stream(codec, FEATURES[feature](), file, name="Ünï.wav".encode())
    return file.getvalue()


def decoded(codec: Any, data: bytes) -> list[bytes]:
    decoder, tail = Decoder(io.BytesIO(data)), bytearray()
    head = decoder.kept_head()
    samples = b"".join(block.tobytes() for block in checked_samples(codec, decoder, tail=tail.extend))
    return [head, samples, bytes(tail)]


@pytest.mark.parametrize("feature", FEATURES)
def test_edits_cuts_and_reorderings(make_codec: Any, feature: str) -> None:
    codec = make_codec(chunk_samples=100)
    whole = packed(codec, feature)
    assert len(decoded(codec, whole)[1]) == SAMPLES.size * 4
    starts = [*map(int, read_index(io.BytesIO(whole)).starts), len(whole)]
    rng = np.random.default_rng(0)
    for trial in range(EDITS):
        data = bytearray(whole)
        kind = trial % 5
        a, b = sorted(int(n) for n in rng.integers(0, len(data), 2))
        if kind == 0:
            del data[a:b]
        elif kind == 1:
            data[a:a] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 2:
            one, other = rng.integers(0, 3, 2)
            parts = [whole[i:j] for i, j in itertools.pairwise(starts)]
            parts[one], parts[other] = parts[other], parts[one]
            data = bytearray(whole[: starts[0]] + b"".join(parts))
        else:
            for place in rng.integers(0, len(data), rng.integers(1, 4)):
                data[place] ^= int(rng.integers(1, 256))
        if bytes(data) == whole:
            continue
        with pytest.raises(FormatError):
            decoded(codec, bytes(data))
        if trial % 50 == 0:
            try:
                salvage_stream(codec, io.BytesIO(data), lambda piece: len(piece))
            except (FormatError, DataError):
                continue


SOURCES = {
    "aiff": lambda: plain_file(Original.AIFF, 24, 110),
    "caf": lambda: plain_file(Original.CAF, 16, 110),
    "w64": lambda: plain_file(Original.W64, 16, 110),
    "wav": lambda: plain_file(Original.WAV, 16, 110),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_damaged_sources_come_back_or_are_refused(make_codec: Any, kind: str) -> None:
    """Edit, cut and reorder audio files, mostly before their first sample, where readers parse."""
    codec, whole = make_codec(chunk_samples=100), SOURCES[kind]()
    rng = np.random.default_rng(1)
    taken = 0
    for trial in range(EDITS):
        data = bytearray(whole)
        end = 120 if trial % 3 else len(data)
        a, b, c = sorted(int(n) for n in rng.integers(0, end, 3))
        if trial % 5 == 0:
            del data[a:b]
        elif trial % 5 == 1:
            data = data[:a] + data[b:c] + data[a:b] + data[c:]
        elif trial % 5 == 2:
            data[a : a + 4] = int(rng.choice([0, 1, 7, 2**31, 2**32 - 1])).to_bytes(4, "big")
        else:
            for place in rng.integers(0, end, rng.integers(1, 4)):
                data[place] ^= int(rng.integers(1, 256))
        packed, back = io.BytesIO(), io.BytesIO()
        try:
            encode_stream(codec, open_source(io.BytesIO(data), "x"), packed)
        except DataError:
            continue
        packed.seek(0)
        decode_stream(codec, Decoder(packed), back.write)
        assert back.getvalue() == data
        taken += 1
    assert taken > EDITS // 10
