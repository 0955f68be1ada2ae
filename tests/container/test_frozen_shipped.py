"""A frozen file of each shipped model, which every later version must be able to read."""

from __future__ import annotations

import hashlib
import io
import json

import pytest

from idf.audio.sources import open_source
from idf.coding.codec import ChunkCodec
from idf.container.stream import Decoder, decode_stream, encode_stream
from idf.models.registry import SHIPPED, load_model
from tests.paths import FROZEN

FROZEN_SHIPPED = FROZEN / "shipped"
DIGESTS: dict[str, dict[str, str]] = json.loads((FROZEN_SHIPPED / "digests.json").read_text())
NAMES = sorted(DIGESTS)
FINE = "-24"
"""Suffix of the names of 24-bit files, for models that code low bits too."""


def model_of(name: str) -> ChunkCodec:
    return load_model(name.removesuffix(FINE))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def restore(name: str) -> bytes:
    out = io.BytesIO()
    with open(FROZEN_SHIPPED / f"{name}.idf", "rb") as file:
        decode_stream(model_of(name), Decoder(file), out.write)
    return out.getvalue()


def test_every_shipped_model_has_a_file() -> None:
    models = [path.stem for path in SHIPPED.glob("*.idfm")]
    assert sorted([*models, *(f"{name}{FINE}" for name in models if load_model(name).max_low_bits)]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_model_is_the_one_that_was_shipped(name: str) -> None:
    assert model_of(name).fingerprint.hex() == DIGESTS[name]["fingerprint"]
    assert digest((FROZEN_SHIPPED / f"{name}.idf").read_bytes()) == DIGESTS[name]["idf"]


@pytest.mark.parametrize("name", NAMES)
def test_frozen_files_decode(name: str) -> None:
    assert digest(restore(name)) == DIGESTS[name]["wav"]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_files_are_written_today(name: str) -> None:
    """Encoding may change later, but must be the same on every machine; these files were written with AVX2."""
    out = io.BytesIO()
    encode_stream(model_of(name), open_source(io.BytesIO(restore(name)), name), out)
    assert digest(out.getvalue()) == DIGESTS[name]["idf"]
