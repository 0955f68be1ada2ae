"""What a run's page lets one hear: every clip that was coded, and audio drawn from the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idf.datasets.dataset import Clip, Dataset
from idf.models.interface import Codec
from idf.page.document import to_flac
from idf.training.families.load import draw_audio

MOST_SAMPLES = 20_000_000
"""Of all clips together: a page of about 30 MB. Of more audio, each clip's beginning is on the page."""
DRAWN_SECONDS = 4.0


@dataclass(frozen=True)
class Sounds:
    """FLAC files for a page.

    Args:
        clips: each coded clip, or its beginning, in the order of the results.
        seconds: how much of each clip is there; None for all of it.
        drawn: audio that the model makes of random bits.
    """

    clips: tuple[bytes, ...]
    seconds: float | None
    drawn: bytes


def make_sounds(
    codec: Codec,
    dataset: Dataset,
    clips: Sequence[Clip],
    advance: Callable[[int], None] = lambda samples: None,
    most: int = MOST_SAMPLES,
) -> Sounds:
    """Read the clips, and draw from the model.

    Args:
        codec: of the evaluated model.
        clips: those that were coded, at least one.
        advance: told the number of samples of each clip.
        most: samples of all clips together.

    Raises:
        DataError: a clip cannot be read.
    """
    limit = longest_that_fit([clip.samples for clip in clips], most)
    files = []
    for clip in clips:
        pcm = dataset.read(clip)
        files.append(to_flac(pcm.samples[:limit], pcm.rate_hz))
        advance(clip.samples)
    rate_hz = clips[0].rate_hz
    drawn = to_flac(draw_audio(codec, round(DRAWN_SECONDS * rate_hz), seed=0), rate_hz)
    return Sounds(tuple(files), None if limit is None else limit / rate_hz, drawn)


def longest_that_fit(lengths: Sequence[int], most: int) -> int | None:
    """The length to which clips must be cut so that together they have ``most`` samples or fewer; None for no cut."""
    if sum(lengths) <= most:
        return None
    # Short clips leave more of the room to the others.
    room = most
    for position, length in enumerate(sorted(lengths)):
        share = room // (len(lengths) - position)
        if length > share:
            return max(1, share)
        room -= length
    raise AssertionError("some clip is longer than its share where all do not fit")
