"""WavPack, TTA and ALAC through PyAV, whose wheels contain FFmpeg's libraries: no system package is needed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.evaluation.codecs.interface import ClipFile, CodecError, Entry, Unavailable

if TYPE_CHECKING:
    import av

LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True)
class FfmpegCodec:
    """A lossless encoder of FFmpeg, 16-bit, mono or stereo.

    Args:
        encoder: FFmpeg's name of the encoder.
        container: FFmpeg's name of the file format.
        layout: sample format that the encoder accepts, ``s16`` or ``s16p``.
        level: FFmpeg's compression level, or None for the encoder's only one.
        suffix: extension of the files.
    """

    encoder: str
    container: str
    layout: str
    level: int | None
    suffix: str

    def prepare(self) -> None:
        import av  # noqa: F401

    def encode(self, clip: ClipFile, target: Path) -> None:
        import av

        options = {} if self.level is None else {"compression_level": str(self.level)}
        channels = clip.samples.shape[1] if clip.samples.ndim > 1 else 1
        if channels not in LAYOUTS:
            raise CodecError(f"{channels} channels; this codec is measured on mono and stereo only")
        # Planar formats have one row per channel, packed formats one row with interleaved channels.
        samples = clip.samples.astype(np.int16).reshape(-1, channels)
        planes = np.ascontiguousarray(samples.T) if self.layout.endswith("p") else samples.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(planes, format=self.layout, layout=LAYOUTS[channels])
        frame.sample_rate = clip.rate_hz
        frame.pts = 0
        try:
            with av.open(str(target), "w", format=self.container) as output:
                stream = output.add_stream(self.encoder, rate=clip.rate_hz, options=options)
                stream.codec_context.layout = LAYOUTS[channels]
                stream.codec_context.format = self.layout
                output.mux(stream.encode(frame))
                output.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            raise CodecError(f"FFmpeg's {self.encoder} cannot encode {clip.wav.name}: {error}") from error

    def decode(self, source: Path) -> np.ndarray:
        import av

        try:
            with av.open(str(source)) as file:
                frames = [_interleave(frame) for frame in file.decode(audio=0)]
        except av.error.FFmpegError as error:
            raise CodecError(f"FFmpeg cannot decode {source.name}: {error}") from error
        if not frames:
            raise CodecError(f"FFmpeg found no audio in {source.name}")
        samples = np.concatenate(frames).astype(np.int32)
        return samples[:, 0] if samples.shape[1] == 1 else samples


def _interleave(frame: av.AudioFrame) -> np.ndarray:
    """Return the samples of a frame, (time, channels)."""
    samples: np.ndarray = frame.to_ndarray()
    return samples.T if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels))


# ALAC goes into an MPEG-4 file, as usual; FFmpeg's CAF files lose the end of the last frame.
_CODECS = {
    # Level 8, FFmpeg's highest, is the very high mode with all extra passes: slightly smaller files than -hh -x6.
    "wavpack": ("WavPack level 8", FfmpegCodec("wavpack", "wv", "s16p", 8, ".wv")),
    "tta": ("TTA", FfmpegCodec("tta", "tta", "s16", None, ".tta")),
    "alac": ("ALAC", FfmpegCodec("alac", "ipod", "s16p", None, ".m4a")),
}


def find_ffmpeg(name: str) -> Entry | Unavailable:
    """Find ``wavpack``, ``tta`` or ``alac`` in PyAV, if it is installed with that encoder."""
    label, codec = _CODECS[name]
    if importlib.util.find_spec("av") is None:
        return Unavailable(label, "PyAV is not installed", "pip install av")
    import av

    try:
        av.Codec(codec.encoder, "w")
    except ValueError:
        return Unavailable(
            label, f"this build of PyAV has no encoder '{codec.encoder}'", "pip install av (from its wheels)"
        )
    return Entry(label, f"PyAV {av.__version__} (FFmpeg)", None, codec)
