"""``--block SECONDS``: the cost of damage, and invalid lengths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Idf = Callable[..., Any]


@pytest.fixture
def four_seconds(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).normal(0, 500, (32_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "four.wav", samples, 8000)
    return tmp_path / "four.wav"


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_damage_costs_a_block_and_salvage_says_when(idf: Idf, four_seconds: Path, way: str) -> None:
    packed, wav = four_seconds.with_suffix(".idf"), four_seconds.read_bytes()
    if way == "pipe":
        packed.write_bytes(idf("compress", "--block", "0.5", "-", stdin=wav).out)
    else:
        assert idf("compress", "-q", "--block", "0.5", four_seconds).status == 0
    facts = json.loads(idf("info", "--json", packed).out)
    assert (facts["blocks"], facts["block_samples"]) == (8, 4000)
    assert "8 of 4000 samples (0.500 s)" in idf("info", packed).out.decode()
    back = four_seconds.with_name("back.wav")
    assert idf("decompress", "-q", packed, "-o", back).status == 0
    assert back.read_bytes() == wav

    data = bytearray(packed.read_bytes())
    data[len(data) * 5 // 16] ^= 1  # in the middle of the third block
    packed.write_bytes(data)
    salvaged = idf("decompress", "--salvage", "-f", packed, "-o", back)
    assert salvaged.status == 1
    assert "28000 of 32000 samples were salvaged; now silent: 8000 to 11999 (1.00 s to 1.50 s)" in salvaged.err
    lost = slice(44 + 4 * 8000, 44 + 4 * 12_000)
    assert back.read_bytes() == wav[: lost.start] + bytes(16_000) + wav[lost.stop :]


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        *((text, "give 0.1 or more") for text in ("0", "0.09", "-1", "nan", "inf", "1e999", "two", "")),
        (
            "9",
            "blocks of 9 s are not possible: at 8000 Hz this model has blocks of 0.1 s to 65536 samples; choose 0.1 to 8.19 s",
        ),
    ],
)
def test_lengths_that_cannot_be_had(idf: Idf, four_seconds: Path, seconds: str, message: str) -> None:
    done = idf("compress", f"--block={seconds}", four_seconds)
    assert done.status == (1 if seconds == "9" else 2)
    assert message in done.err
    assert not four_seconds.with_suffix(".idf").exists()
    if seconds == "9":
        assert str(four_seconds) in done.err
