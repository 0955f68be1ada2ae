"""The cost of resetting the predictors, measured on a short signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import restarts
from idf.errors import DataError
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.plotting import COLUMN_INCHES, WIDTH_INCHES
from tests.collisions import collisions


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two recordings of 3,000 samples, one of them stereo."""
    tone = np.rint(3000 * np.sin(np.arange(3000) / 5)).astype(np.int16)
    soundfile.write(tmp_path / "b.wav", tone, 8000)
    soundfile.write(tmp_path / "a.flac", np.stack([tone // 2, tone], axis=1), 8000)
    return tmp_path


def test_recordings_are_joined_by_name(recordings: Path) -> None:
    samples, rate_hz = restarts.joined([recordings], 1 << 20)
    assert (samples.shape, samples.dtype, rate_hz) == ((6000, 1), np.int32, 8000)
    np.testing.assert_array_equal(samples[:3000, 0], soundfile.read(recordings / "a.flac", dtype="int16")[0][:, 0])
    assert len(restarts.joined([recordings / "b.wav"], 1000)[0]) == 1000


def test_recordings_that_cannot_be_joined_are_rejected(recordings: Path, tmp_path: Path) -> None:
    soundfile.write(recordings / "c.wav", np.zeros(10, np.int16), 16000)
    with pytest.raises(DataError, match="different rates"):
        restarts.joined([recordings], 1 << 20)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"no \.wav or \.flac"):
        restarts.joined([tmp_path / "none"], 1)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"bad\.wav"):
        restarts.joined([tmp_path / "bad.wav"], 1)


def test_short_blocks_cost_more_by_the_cost_of_their_resets(recordings: Path, tmp_path: Path) -> None:
    codec = load_codec(find_model("fast"))
    assert isinstance(codec, AdaptiveCodec)
    samples, rate_hz = restarts.joined([recordings], 1 << 20)
    rows = [restarts.measure(codec, samples, block) for block in (500, 2000, 8000)]
    assert [row.blocks for row in rows] == [12, 3, 1]
    assert rows[0].bits_per_sample > rows[1].bits_per_sample > rows[2].bits_per_sample
    lost = 8 * 11 * restarts.start_bytes(rows[0], rows[2], 6000) / 6000
    assert rows[0].bits_per_sample == pytest.approx(rows[2].bits_per_sample + lost)
    assert restarts.start_bytes(rows[2], rows[2], 6000) == 0
    for width in (COLUMN_INCHES, WIDTH_INCHES):
        figure = restarts.draw(rows, rate_hz, "title", width)
        (axes,) = figure.axes
        assert len(axes.lines) == 2
        assert collisions(figure) == []
