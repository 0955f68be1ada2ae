"""The fuzz targets: each reads bytes that may be hostile.

The only exceptions allowed are the documented errors of the reader. Any other exception, a hang, or unbounded memory is
a finding. ``python -m fuzz.run`` fuzzes with coverage guidance. The tests run every file of the corpus and a few thousand
random edits through the same functions.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from idf.audio.aiff import Aiff
from idf.audio.caf import Caf
from idf.audio.chunks import ChunkReader, Chunks
from idf.audio.flac import Kept, write_flac
from idf.audio.format import AudioFormat
from idf.audio.pcm_bytes import from_pcm_bytes
from idf.audio.sources import FlacSource
from idf.audio.w64 import W64
from idf.audio.wav import Wav
from idf.coding.codec import ChunkCodec
from idf.coding.listing import pop_alphabets, push_alphabets
from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture
from idf.container import records
from idf.container.blocks.floats import decode_float_block
from idf.container.blocks.lattice import find_lattice
from idf.container.blocks.planes import decode_block
from idf.container.reading import RangeReader
from idf.container.salvage import salvage_stream
from idf.container.stream import Decoder, decode_stream
from idf.errors import DataError, FormatError, RunError
from idf.models.file import read_model_file
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.models.window.codec import WindowCodec

CORPUS = Path(__file__).parent / "corpus"
TINY = Path(__file__).parent.parent / "tests" / "container" / "frozen" / "tiny.idfm"
_RAMP = np.arange(-5000, 5000, dtype=np.int32)[:, None]
MAX_SAMPLES = 1 << 21
"""Limit for output: a file of a few bytes may legitimately hold hours of silence."""


class Enough(Exception):
    """Raised when a target has written enough."""


@functools.cache
def codec() -> WindowCodec:
    """Return a tiny model; what it decodes does not matter."""
    codec = load_codec(TINY)
    assert isinstance(codec, WindowCodec)
    return codec


@functools.cache
def adaptive_codec() -> ChunkCodec:
    """Return an adaptive flow that is shipped with the package."""
    return load_codec(find_model("fast"))


@functools.cache
def bands_codec() -> ChunkCodec:
    """Return the shipped bands flow with the shortest windows."""
    return load_codec(find_model("bands-small"))


def container(data: bytes) -> None:
    """Read a whole file sequentially and by index, after correcting checksums, which would hide everything else."""
    data = with_correct_checksums(data)
    for read in (_forwards, _by_index):
        try:
            read(data)
        except (FormatError, DataError, Enough):
            continue


def salvage(data: bytes) -> None:
    """Salvage a whole file. Slower than :func:`container`, because headers are repaired by trial and error."""
    with contextlib.suppress(FormatError, DataError, Enough):
        salvage_stream(codec(), io.BytesIO(with_correct_checksums(data)), _Limited().write)


def planes(data: bytes, model: ChunkCodec | None = None) -> None:
    """Decode an audio block: three bytes give its format, the rest is the payload. ``model`` defaults to :func:`codec`."""
    if len(data) < 3:
        return
    count, channels, sample_bits = data[0] + 1, data[1] % 8 + 1, (8, 16, 24, 32)[data[2] % 4]
    try:
        samples = decode_block(model or codec(), data[3:], count, channels, sample_bits)
    except FormatError:
        return
    assert samples.shape == (count, channels)
    assert samples.min() >= -(1 << (sample_bits - 1))
    assert samples.max() < 1 << (sample_bits - 1)


def floats(data: bytes) -> None:
    """Decode an audio block of floats: two bytes give its shape, the rest is the payload."""
    if len(data) < 3:
        return
    count, channels = data[0] + 1, data[1] % 8 + 1
    try:
        samples = decode_float_block(codec(), data[2:], count, channels)
    except FormatError:
        return
    assert samples.shape == (count, channels)


def flac(data: bytes) -> None:
    """Read a FLAC file, and what a compressed file stores of one."""
    with contextlib.suppress(DataError):
        Kept.unpack(data)
    try:
        source = FlacSource(io.BytesIO(data), "x.flac")
        Kept.unpack(source.head)
        seen = 0
        for block in source.blocks(1 << 16):
            seen += len(block)
            if seen > MAX_SAMPLES:
                raise Enough
        assert seen == source.announced
    except (DataError, Enough):
        return


def metadata(data: bytes) -> None:
    """Write a FLAC file with stored metadata and frames of other samples."""
    try:
        kept = Kept.unpack(data)
        output = io.BytesIO()
        count, is_same = write_flac(output, AudioFormat(8000, 1, 16), [_RAMP], kept=kept)
    except DataError:
        return
    assert count == len(_RAMP)
    assert len(output.getvalue()) > len(kept.metadata)
    assert not is_same or output.getvalue().startswith(kept.metadata)


def message(data: bytes) -> None:
    """Pop an rANS message with random extreme parameters."""
    if len(data) < 2:
        return
    count, components = data[0] + 1, data[1] % 4 + 1
    seed = zlib.crc32(data)
    rng = np.random.default_rng(seed)
    wild = rng.integers(-(2**31), 2**31, (3, count, components), dtype=np.int64) >> rng.integers(0, 31)
    try:
        popped = Message.from_bytes(data[2:])
        symbols = popped.pop(IntegerMixture(*wild.astype(np.int32)))
        popped.finish()
    except FormatError:
        return
    assert symbols.min() >= -32768
    assert symbols.max() <= 32767


def chunks(kind: type[Chunks], data: bytes) -> None:
    """Split a chunked file. Its parts must reassemble to the file and give a valid header."""
    try:
        reader = ChunkReader(io.BytesIO(data), "x", kind)
    except DataError:
        return
    about, layout = reader.audio_format, reader.layout
    pcm = b"".join(layout.to_bytes(block, about.sample_bits) for block in reader.blocks(7))
    tail = b"".join(reader.tail())
    assert reader.head + pcm + tail == data
    for part, start in ((reader.head, kind.start_bytes), (tail, 0)):
        assert all(len(name) == 4 for name in kind.other_chunks(part, start))
    header = records.Header(
        fingerprint=bytes(records.FINGERPRINT_BYTES),
        rate_hz=about.rate_hz,
        channels=about.channels,
        sample_bits=about.sample_bits,
        chunk_samples=64,
        samples=reader.announced,
        has_head=True,
        original=kind.original,
        is_float=about.is_float,
        layout=layout,
    )
    assert records.read_header(io.BytesIO(header.pack())) == header


def alphabet(data: bytes) -> None:
    """Read the alphabets at the start of a message. Writing them again must restore the message."""
    if len(data) < 2:
        return
    count = data[0] % 4 + 1
    try:
        message = Message.from_bytes(data[1:])
        alphabets = pop_alphabets(message, count)
    except FormatError:
        return
    for each in alphabets:
        assert (np.diff(each.values) > 0).all()
    push_alphabets(message, alphabets)
    assert message.to_bytes() == data[1:]


def lattice(data: bytes) -> None:
    """Find a lattice for samples. It must contain all of them."""
    if len(data) < 3:
        return
    width = data[0] % 4 + 1
    whole = data[1 : 1 + (len(data) - 1) // width * width]
    channel = from_pcm_bytes(whole, 1, 8 * width)[:, 0]
    if len(channel):
        found, numbers = find_lattice(channel)
        np.testing.assert_array_equal(found.values(numbers), channel)


def adaptive(data: bytes) -> None:
    """Run :func:`planes` with an adaptive flow, whose predictors learn from whatever is decoded."""
    planes(data, adaptive_codec())


def bands(data: bytes) -> None:
    """Run :func:`planes` with a bands flow."""
    planes(data, bands_codec())


def model(data: bytes) -> None:
    """Load a model file with these bytes as its JSON header and a valid model's arrays. If it loads, it must code."""
    path = _folder() / "hostile.idfm"
    with path.open("wb") as file:
        np.savez(file, header=np.frombuffer(data, np.uint8), **_arrays(_like(data)))
    samples = np.arange(-20, 20, dtype=np.int32)[:, None]
    try:
        codec = load_codec(path)
        np.testing.assert_array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)
    except RunError:
        return


def _like(header: bytes) -> Path:
    """Return a valid model of the family that a header names, or of any family if it names none."""
    try:
        config = json.loads(header)["config"]
        if config["model"].get("family") == "adaptive":
            return find_model("fast")
        return find_model("bands-small") if config["layout"]["name"] == "bands" else TINY
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return (TINY, find_model("fast"), find_model("bands-small"))[len(header) % 3]


@functools.cache
def _arrays(path: Path) -> dict[str, np.ndarray]:
    return read_model_file(path).arrays


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "container": container,
    "salvage": salvage,
    "planes": planes,
    "adaptive": adaptive,
    "bands": bands,
    "floats": floats,
    "flac": flac,
    "metadata": metadata,
    "message": message,
    "alphabet": alphabet,
    "lattice": lattice,
    "wav": functools.partial(chunks, Wav),
    "aiff": functools.partial(chunks, Aiff),
    "caf": functools.partial(chunks, Caf),
    "w64": functools.partial(chunks, W64),
    "model": model,
}


def with_correct_checksums(data: bytes) -> bytes:
    """Return the file with our model's fingerprint and with correct CRCs in all parts that can be found."""
    fixed = bytearray(data)
    fixed[:5] = records.MAGIC + bytes([records.VERSION])
    try:
        place = _skip(fixed, 7, 2 if fixed[5] & 128 else 3)
        if fixed[6] & 8:
            place = _skip(fixed, place, 1) + _number(fixed, place)
        fixed[place : place + records.FINGERPRINT_BYTES] = codec().fingerprint[: records.FINGERPRINT_BYTES]
        place += records.FINGERPRINT_BYTES
        seed = zlib.crc32(fixed[:place])
        fixed[place : place + 4] = seed.to_bytes(4, "little")
        while (begin := fixed.find(records.SYNC, place)) >= 0:
            is_short = fixed[begin + 3] & 3 == 3
            crc = _skip(fixed, begin + 3, 3 if is_short else 2)
            length = _number(fixed, _skip(fixed, begin + 3, 2 if is_short else 1))
            place = min(crc + 4 + length, len(fixed))
            right = zlib.crc32(fixed[crc + 4 : place], zlib.crc32(fixed[begin:crc], seed))
            fixed[crc : crc + 4] = right.to_bytes(4, "little")
        # the size of the end is a number stored backwards, usually one byte
        end = len(fixed) - 1
        begin = max(end - _number(fixed[::-1], 0), place)
        fixed[end - 4 : end] = zlib.crc32(fixed[begin : end - 4], seed).to_bytes(4, "little")
    except IndexError:
        pass  # no further part can be found
    return bytes(fixed)


def _skip(data: bytes | bytearray, place: int, numbers: int) -> int:
    """Return the position after ``numbers`` variable-length numbers."""
    for _ in range(numbers):
        while data[place] > 127:
            place += 1
        place += 1
    return place


def _number(data: bytes | bytearray, place: int) -> int:
    return sum((byte & 127) << 7 * n for n, byte in enumerate(data[place : _skip(data, place, 1)]))


class _Limited:
    """Counts the bytes written and raises :class:`Enough` at the limit."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        if self.written > MAX_SAMPLES:
            raise Enough


def _forwards(data: bytes) -> None:
    decode_stream(codec(), Decoder(io.BytesIO(data)), _Limited().write)


def _by_index(data: bytes) -> None:
    reader = RangeReader(codec(), io.BytesIO(data))
    reader.read(0, min(reader.samples, 5))
    reader.read(max(reader.samples - 5, 0), reader.samples)
