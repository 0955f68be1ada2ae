from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.datasets.dataset import Dataset
from idf.evaluation.report.sounds import DRAWN_SECONDS, longest_that_fit, make_sounds
from idf.models.load import load_codec


def heard(flac: bytes) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(flac), dtype="int16")


def test_every_clip_and_audio_drawn_from_the_model(tiny_model: Path, page_dataset: Dataset) -> None:
    codec = load_codec(tiny_model)
    told: list[int] = []
    sounds = make_sounds(codec, page_dataset, page_dataset.test, told.append)
    assert told == [8000] * 3
    assert sounds.seconds is None
    for clip, flac in zip(page_dataset.test, sounds.clips, strict=True):
        samples, rate_hz = heard(flac)
        assert rate_hz == 8000
        assert np.array_equal(samples, page_dataset.read(clip).samples)
    drawn, rate_hz = heard(sounds.drawn)
    assert len(drawn) == DRAWN_SECONDS * rate_hz
    assert drawn.std() > 0


def test_clips_are_cut_if_there_is_too_much_audio(tiny_model: Path, page_dataset: Dataset) -> None:
    sounds = make_sounds(load_codec(tiny_model), page_dataset, page_dataset.test, most=6000)
    assert sounds.seconds == 0.25
    assert [len(heard(flac)[0]) for flac in sounds.clips] == [2000] * 3


@pytest.mark.parametrize(
    ("lengths", "most", "cut"),
    [([5, 5], 10, None), ([5, 6], 10, 5), ([1, 100, 100], 101, 50), ([9], 4, 4), ([3, 3, 3], 1, 1)],
)
def test_short_clips_leave_room_to_the_others(lengths: list[int], most: int, cut: int | None) -> None:
    assert longest_that_fit(lengths, most) == cut
