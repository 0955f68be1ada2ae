"""The codecs to compare with, by their names in ``baselines=``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from idf.evaluation.codecs.ffmpeg import find_ffmpeg
from idf.evaluation.codecs.flac import DEFAULT_BLOCK, find_exhaustive_flac, find_flac
from idf.evaluation.codecs.interface import Entry, Unavailable
from idf.evaluation.codecs.programs import PROGRAMS, find_command

SPEECH_BLOCK = 1024
"""A block length for speech: files are 3 to 4 % smaller than with FLAC's default of 4,096."""

BASELINES: dict[str, Callable[[int], Entry | Unavailable]] = {
    "flac": lambda window: find_flac(DEFAULT_BLOCK),
    "flac-1024": lambda window: find_flac(SPEECH_BLOCK),
    "flac-window": find_flac,
    "flac-exhaustive": find_exhaustive_flac,
    "wavpack": lambda window: find_wavpack(),
    **{name: functools.partial(lambda name, window: find_ffmpeg(name), name) for name in ("tta", "alac")},
    **{
        name: functools.partial(lambda name, window: find_command(name), name) for name in PROGRAMS if name != "wavpack"
    },
}
"""Functions that find the codec of a name; their argument is the model's window in samples."""


def find_wavpack() -> Entry | Unavailable:
    """Return WavPack's strongest mode: the command if it is on PATH, otherwise FFmpeg's encoder."""
    found = find_command("wavpack")
    return found if isinstance(found, Entry) else find_ffmpeg("wavpack")


def find_baselines(names: Sequence[str], windows: Sequence[int]) -> tuple[list[Entry], list[Unavailable]]:
    """Find a provider for each of ``names``.

    Args:
        names: keys of :data:`BASELINES`.
        windows: the models' windows in samples, block sizes of ``flac-window`` and ``flac-exhaustive``.

        Returns:
            the codecs found, and those missing with reason and remedy. Names that lead to the same codec and
            settings give one entry.
    """
    entries: dict[str, Entry] = {}
    not_made: dict[str, Unavailable] = {}
    for name in names:
        for window in windows:
            found = BASELINES[name](window)
            if isinstance(found, Entry):
                entries.setdefault(found.codec, found)
            else:
                not_made.setdefault(found.codec, found)
    return list(entries.values()), list(not_made.values())
