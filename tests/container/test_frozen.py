"""Files written by version 1 of the format, which must decode exactly for ever."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.audio.flac import Kept
from idf.audio.format import Original
from idf.audio.pcm_bytes import Layout
from idf.audio.sources import open_source
from idf.container.stream import Decoder, checked_samples, decode_stream, encode_stream
from idf.models.load import load_codec
from idf.models.window.codec import WindowCodec
from tests.paths import FROZEN

DIGESTS: dict[str, dict[str, str]] = json.loads((FROZEN / "digests.json").read_text())
NAMES = sorted(path.stem for path in FROZEN.glob("*.idf"))


@pytest.fixture(scope="module")
def tiny() -> WindowCodec:
    return load_codec(FROZEN / "tiny.idfm")


def restore(codec: Any, name: str) -> bytes:
    out = io.BytesIO()
    with open(FROZEN / f"{name}.idf", "rb") as file:
        decode_stream(codec, Decoder(file), out.write)
    return out.getvalue()


def test_nothing_frozen_was_touched(tiny: WindowCodec) -> None:
    assert len(NAMES) == 25
    assert sorted([*NAMES, "tiny.idfm"]) == sorted(DIGESTS)
    for name in NAMES:
        assert hashlib.sha256((FROZEN / f"{name}.idf").read_bytes()).hexdigest() == DIGESTS[name]["idf"]
    assert tiny.fingerprint.hex() == DIGESTS["tiny.idfm"]["fingerprint"]


@pytest.mark.parametrize("name", NAMES)
def test_frozen_files_decode(tiny: WindowCodec, name: str) -> None:
    assert hashlib.sha256(restore(tiny, name)).hexdigest() == DIGESTS[name]["wav"]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"empty", "column", "flac"}))
def test_the_same_files_are_written_today(tiny: WindowCodec, name: str) -> None:
    """Encoding may change (a later version may find shorter codes), but must be the same on every machine."""
    out = io.BytesIO()
    with open(FROZEN / f"{name}.idf", "rb") as file:
        kept = Decoder(file).header.name
    encode_stream(tiny, open_source(io.BytesIO(restore(tiny, name)), name), out, name=kept)
    assert hashlib.sha256(out.getvalue()).hexdigest() == DIGESTS[name]["idf"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("aiff", "caf", "w64"))])
def test_another_library_reads_what_is_restored(tiny: WindowCodec, name: str) -> None:
    with open(FROZEN / f"{name}.idf", "rb") as file:
        decoder = Decoder(file)
        header = decoder.header
        decoder.kept_head()
        samples = np.concatenate(list(checked_samples(tiny, decoder)))
    found, rate_hz = soundfile.read(
        io.BytesIO(restore(tiny, name)), dtype="float32" if header.is_float else "int32", always_2d=True
    )
    right = found.view(np.int32) if header.is_float else found >> (32 - header.sample_bits)
    np.testing.assert_array_equal(right, samples)
    assert rate_hz == header.rate_hz


def test_what_is_kept_beside_samples(tiny: WindowCodec) -> None:
    with open(FROZEN / "flac.idf", "rb") as file:
        decoder = Decoder(file)
        assert (decoder.header.original, decoder.header.name.decode()) == (Original.FLAC, "flac.Ünï")
        metadata = Kept.unpack(decoder.kept_head()).metadata
        assert metadata.startswith(b"ID3\4\0\0\0\0\0\3tagfLaC")
        assert b"testapplication" in metadata
        tail = bytearray()
        for _ in checked_samples(tiny, decoder, tail=tail.extend):
            continue
        assert tail == b"TAG" + bytes(125)
    for name, kind, layout in (
        ("aiff-24", Original.AIFF, Layout(True, False)),
        ("aiff-8", Original.AIFF, Layout(False, True)),
        ("aiff-float", Original.AIFF, Layout(True, False)),
        ("aiff-sowt", Original.AIFF, Layout(False, False)),
        ("caf-big-16", Original.CAF, Layout(True, False)),
        ("caf-8", Original.CAF, Layout(False, True)),
        ("w64-32", Original.W64, Layout(False, False)),
    ):
        with open(FROZEN / f"{name}.idf", "rb") as file:
            header = Decoder(file).header
        assert (header.original, header.layout, header.name.decode()) == (kind, layout, f"{name}.Ünï")
    with open(FROZEN / "column.idf", "rb") as file:
        assert Decoder(file).header.is_column
