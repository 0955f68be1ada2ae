"""The audio on a run's page: every coded clip, and audio drawn from the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idf.datasets.dataset import Clip, Dataset
from idf.models.interface import Codec
from idf.page.document import to_flac

MOST_SAMPLES = 20_000_000
"""Most samples of all clips together, for a page of about 30 MB. With more, clips are cut."""
DRAWN_SECONDS = 4.0


@dataclass(frozen=True)
class Sounds:
    """FLAC files for a page.

    Args:
        clips: each coded clip, or its beginning, in the order of the results.
        seconds: length to which clips were cut; None if they are whole.
        drawn: audio decoded from random bits.
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
    """Return the clips as FLAC files, and audio drawn from the model.

    Args:
        codec: of the evaluated model.
        dataset: provides the samples.
        clips: the evaluated clips, at least one.
        advance: called with each clip's sample count.
        most: largest number of samples of all clips together.

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
    drawn = to_flac(codec.draw(round(DRAWN_SECONDS * rate_hz), seed=0), rate_hz)
    return Sounds(tuple(files), None if limit is None else limit / rate_hz, drawn)


def longest_that_fit(lengths: Sequence[int], most: int) -> int | None:
    """Return the length to cut clips to so that they total at most ``most`` samples; None if no cut is needed."""
    if sum(lengths) <= most:
        return None
    # Short clips leave their unused share to the others.
    room = most
    for position, length in enumerate(sorted(lengths)):
        share = room // (len(lengths) - position)
        if length > share:
            return max(1, share)
        room -= length
    raise AssertionError("clips that do not fit include one longer than its share")
