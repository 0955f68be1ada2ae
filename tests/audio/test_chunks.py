"""Reading AIFF, CAF and W64 as chunked files. WAV has its own module, test_wav.py."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.chunks import ChunkReader
from idf.audio.format import AudioFormat, Original
from idf.audio.kinds import KINDS, kind_of
from idf.audio.pcm_bytes import PLAIN, Layout, signed_layout
from idf.errors import DataError

SAMPLES = np.array([[0], [1], [-1], [32767], [-32768], [300], [-300]], np.int32)
BIG = SAMPLES.astype(">i2").tobytes()
LITTLE = SAMPLES.astype("<i2").tobytes()
RATE_8000 = bytes.fromhex("400bfa00000000000000")
W64_REST = bytes.fromhex("f3acd3118cd100c04f8edb8a")
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32}


def read(data: bytes, block: int = 3) -> tuple[bytes, np.ndarray, bytes, ChunkReader]:
    """Return head, samples, tail and reader, after checking that the parts reassemble to the file."""
    kind = kind_of(data[:12])
    assert kind is not None
    reader = ChunkReader(io.BytesIO(data), "x.file", kind)
    blocks = list(reader.blocks(block))
    assert all(len(each) == block for each in blocks[:-1])
    samples = np.concatenate([np.empty((0, reader.audio_format.channels), np.int32), *blocks])
    tail = b"".join(reader.tail())
    assert reader.head + reader.layout.to_bytes(samples, reader.audio_format.sample_bits) + tail == data
    return reader.head, samples, tail, reader


def files_of_soundfile() -> Iterator[tuple[str, str, str, int]]:
    subtypes = {
        "AIFF": ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
        "CAF": ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
        "W64": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
    }
    for kind, names in subtypes.items():
        for subtype, endian, channels in itertools.product(names, ("FILE", "BIG", "LITTLE"), (1, 2, 3)):
            if soundfile.check_format(kind, subtype, endian):
                yield kind, subtype, endian, channels


@pytest.mark.parametrize(("kind", "subtype", "endian", "channels"), list(files_of_soundfile()))
def test_files_of_soundfile(kind: str, subtype: str, endian: str, channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (12, channels)).clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, noise, 44100, format=kind, subtype=subtype, endian=endian)
    _, samples, _, reader = read(file.getvalue())
    bits, is_float = BITS[subtype], subtype == "FLOAT"
    assert reader.audio_format == AudioFormat(44100, channels, bits, is_float)
    assert reader.announced == 12
    is_big = bits > 8 and endian != "LITTLE" and kind != "W64"
    assert reader.layout == Layout(is_big, bits == 8 and subtype == "PCM_S8")
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32" if is_float else "int32", always_2d=True)
    np.testing.assert_array_equal(samples, expected.view(np.int32) if is_float else expected >> (32 - bits))


@pytest.mark.parametrize("original", KINDS)
@pytest.mark.parametrize("is_float", [False, True])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize(("channels", "count"), [(1, 7), (3, 5), (1, 0)])
def test_soundfile_reads_plain_files(original: Original, bits: int, is_float: bool, channels: int, count: int) -> None:
    if is_float and bits != 32:
        return
    kind, about = KINDS[original], AudioFormat(22050, channels, bits, is_float)
    samples = np.random.default_rng(0).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (count, channels)).astype(np.int32)
    if is_float:
        samples = (samples / 2.0**31).astype(np.float32).view(np.int32)
    pcm = kind.plain_layout(bits).to_bytes(samples, bits)
    data = kind.plain_head(count, about) + pcm + kind.plain_tail(count, about)
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        assert (sound.format, sound.samplerate, sound.channels) == (original.name, 22050, channels)
        assert sound.frames == count
        found = sound.read(dtype="float32" if is_float else "int32", always_2d=True)
    np.testing.assert_array_equal(found.view(np.int32) if is_float else found >> (32 - bits), samples)
    _, again, tail, reader = read(data)
    np.testing.assert_array_equal(again, samples)
    assert (reader.audio_format, reader.announced) == (about, count or (None if original is Original.WAV else 0))
    assert tail == kind.plain_tail(count, about)
    assert kind.other_chunks(reader.head, kind.start_bytes) == []


def aiff(*chunks: bytes, form: bytes = b"AIFF") -> bytes:
    body = form + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack(">I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def comm(frames: int = 7, channels: int = 1, bits: int = 16, rate: bytes = RATE_8000, kind: bytes = b"") -> bytes:
    return chunk(b"COMM", struct.pack(">HIH", channels, frames, bits) + rate + kind)


def ssnd(pcm: bytes = BIG, offset: int = 0, size: int | None = None) -> bytes:
    return chunk(b"SSND", struct.pack(">II", offset, 0) + bytes(offset) + pcm, size)


def caf(*chunks: bytes, start: bytes = b"caff\0\1\0\0") -> bytes:
    return start + b"".join(chunks)


def long_chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack(">q", len(body) if size is None else size) + body


def desc(
    flags: int = 2,
    frame: int = 2,
    channels: int = 1,
    bits: int = 16,
    rate: float = 8000,
    kind: bytes = b"lpcm",
    n: int = 1,
) -> bytes:
    return long_chunk(b"desc", struct.pack(">d4sIIIII", rate, kind, flags, frame, n, channels, bits))


def caf_data(pcm: bytes = LITTLE, size: int | None = None) -> bytes:
    return long_chunk(b"data", bytes(4) + pcm, size)


def w64(*chunks: bytes) -> bytes:
    riff = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    body = b"wave" + W64_REST + b"".join(chunks)
    return riff + struct.pack("<Q", 24 + len(body)) + body


def guid_chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    head = name + W64_REST + struct.pack("<Q", 24 + len(body) if size is None else size)
    return head + body + bytes(-len(body) % 8)


def w64_fmt(tag: int = 1, bits: int = 16, block: int = 2) -> bytes:
    return guid_chunk(b"fmt ", struct.pack("<HHIIHH", tag, 1, 8000, 8000 * block, block, bits))


ODD = {
    "AIFF, chunks around": aiff(chunk(b"NAME", b"odd"), comm(), chunk(b"APPL", b"x" * 9), ssnd(), chunk(b"ANNO", b"hi")),
    "AIFF, bytes after the end": aiff(comm(), ssnd()) + b"and more",
    "AIFF, an offset": aiff(comm(), ssnd(offset=6)),
    "AIFF, an odd offset": aiff(comm(), ssnd(offset=3)),
    "AIFF, an open size": aiff(comm(frames=0), ssnd(size=0xFFFFFFFF)),
    "AIFF, a size never filled in": aiff(comm(frames=0), ssnd(size=0)),
    "AIFF, open sizes, as of sox": aiff(comm(frames=0x3F000000), ssnd(size=0x7F000008)),
    "AIFF, frames known, size not": aiff(comm(), ssnd(BIG + b"xyz!", size=0)),
    "AIFF, fewer frames than bytes": aiff(comm(), ssnd(BIG + bytes(6)), chunk(b"ANNO", b"hi")),
    "AIFF, more frames than bytes": aiff(comm(frames=900), ssnd()),
    "AIFF, half a sample": aiff(comm(), ssnd(BIG + b"\x07")),
    "AIFF, 12 in 16 bits": aiff(comm(bits=12), ssnd()),
    "AIFF-C, NONE": aiff(comm(kind=b"NONE\x0enot compressed\0"), ssnd(), form=b"AIFC"),
    "AIFF-C, twos": aiff(chunk(b"FVER", b"\xa2\x80\x51\x40"), comm(kind=b"twos\0\0"), ssnd(), form=b"AIFC"),
    "AIFF-C, sowt": aiff(comm(kind=b"sowt\0\0"), ssnd(LITTLE), form=b"AIFC"),
    "CAF, little-endian": caf(desc(), caf_data()),
    "CAF, big-endian": caf(desc(flags=0), caf_data(BIG)),
    "CAF, chunks around": caf(desc(), long_chunk(b"free", bytes(9)), caf_data(), long_chunk(b"info", b"odd")),
    "CAF, to the end": caf(desc(), caf_data(size=-1)),
    "CAF, broken off": caf(desc(), caf_data(size=4000) + b"\x01"),
    "CAF, 12 in 16 bits": caf(desc(bits=12), caf_data()),
    "W64": w64(w64_fmt(), guid_chunk(b"data", LITTLE)),
    "W64, chunks around": w64(guid_chunk(b"junk", b"odd"), w64_fmt(), guid_chunk(b"data", LITTLE), guid_chunk(b"list", b"x")),
    "W64, a size never filled in": w64(w64_fmt(), guid_chunk(b"data", LITTLE, size=0)),
    "W64, an open size": w64(w64_fmt(), guid_chunk(b"data", LITTLE, size=2**64 - 1)[:-2]),
    "W64, as of ffmpeg to a pipe": w64(w64_fmt(), guid_chunk(b"data", LITTLE, size=2**63 - 1)[:-2]),
    "W64, half a sample": w64(w64_fmt(), guid_chunk(b"data", LITTLE + b"\x07")),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_files(name: str) -> None:
    _, samples, _, reader = read(ODD[name])
    extra = {"W64, a size never filled in": 1}.get(name, 0)  # its padding cannot be told from samples
    np.testing.assert_array_equal(samples, np.pad(SAMPLES, ((0, extra), (0, 0))))
    assert reader.audio_format == AudioFormat(8000, 1, 16)
    is_big = (name.startswith("AIFF") and "sowt" not in name) or name == "CAF, big-endian"
    assert reader.layout == Layout(is_big_endian=is_big)
    open_ones = ("open size", "never filled", "to the end", "ffmpeg")
    if any(word in name for word in open_ones) and "sox" not in name:
        assert reader.announced is None


def test_8_bits_are_signed_but_for_raw() -> None:
    pcm = bytes([0, 127, 128, 255])
    for data in (
        aiff(comm(4, bits=8), ssnd(pcm)),
        aiff(comm(4, bits=8, kind=b"sowt\0\0"), ssnd(pcm), form=b"AIFC"),
        caf(desc(frame=1, bits=8), caf_data(pcm)),
    ):
        _, samples, _, reader = read(data)
        assert samples[:, 0].tolist() == [0, 127, -128, -1]
        assert reader.layout == signed_layout(8, is_big_endian=True)
    _, samples, _, reader = read(aiff(comm(4, bits=8, kind=b"raw \0\0"), ssnd(pcm), form=b"AIFC"))
    assert samples[:, 0].tolist() == [-128, -1, 0, 127]
    assert reader.layout == PLAIN


@pytest.mark.parametrize(
    "data",
    [
        aiff(comm(0), ssnd(b"")),
        aiff(comm(0), chunk(b"NAME", b"silent")),
        aiff(comm(0)),
        caf(desc(), caf_data(b"")),
        w64(w64_fmt(), guid_chunk(b"data", b"")),
        w64(w64_fmt(), guid_chunk(b"data", b""), guid_chunk(b"list", b"x")),
    ],
)
def test_no_samples(data: bytes) -> None:
    _, samples, _, reader = read(data)
    assert samples.shape == (0, 1)
    assert reader.announced == 0


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("400eac44000000000000", 44100),
        ("400daddd1745d1745d17", 22255),  # 22254.54…, used by early Macintosh computers
        ("401effffffff00000000", 2**32 - 1),
        ("3fff8000000000000000", 1),
    ],
)
def test_rates_of_aiff(rate: str, expected: int) -> None:
    assert read(aiff(comm(rate=bytes.fromhex(rate)), ssnd()))[3].audio_format.rate_hz == expected
    head = KINDS[Original.AIFF].plain_head(7, AudioFormat(expected, 1, 16))
    assert read(head + BIG)[3].audio_format.rate_hz == expected


REFUSED = [
    (aiff(comm(channels=9), ssnd()), "found 9 channels; supported: integer PCM .* AIFF-C, CAF or W64"),
    (aiff(comm(channels=0), ssnd()), "found 0 channels"),
    (aiff(comm(bits=40), ssnd()), "found 40-bit PCM samples; supported"),
    (aiff(comm(bits=0), ssnd()), "found 0-bit PCM samples; supported"),
    (aiff(comm(kind=b"ima4\0\0"), ssnd(), form=b"AIFC"), "found AIFF-C samples of type 'ima4'; supported"),
    (aiff(comm(bits=64, kind=b"fl64\0\0"), ssnd(), form=b"AIFC"), "found 64-bit float samples; supported"),
    (aiff(comm(bits=16, kind=b"in24\0\0"), ssnd(), form=b"AIFC"), "found 16-bit samples of type 'in24'; supported"),
    (aiff(comm(rate=bytes(10)), ssnd()), "rate of 0 Hz"),
    (aiff(comm(rate=b"\x7f\xff" + bytes(8)), ssnd()), "rate of 4294967296 Hz"),
    (aiff(comm(rate=b"\xc0" + RATE_8000[1:]), ssnd()), "rate of 0 Hz"),
    (aiff(comm(), form=b"AIFC"), "COMM chunk of the AIFF file is truncated"),
    (aiff(ssnd(), comm()), "its samples precede their format"),
    (aiff(comm()), "no samples .no SSND chunk"),
    (aiff(chunk(b"NAME", b"x")), "no SSND chunk"),
    (aiff(comm(), ssnd(size=5)), "impossible size"),
    (aiff(comm(), ssnd(offset=4, size=11)), "impossible size"),
    (aiff(comm(), chunk(b"SSND", struct.pack(">II", 2**31, 0))), "before its first sample"),
    (aiff(comm(), chunk(b"SSND", struct.pack(">II", 99, 0) + BIG)), "before its first sample"),
    (aiff(b"NAME\xff\xff\xff\xff", comm(), ssnd()), "no samples in its first 256 MiB"),
    (caf(desc(kind=b"aac ", n=1024), caf_data()), "found CAF samples of type 'aac ', 1024 per packet; supported"),
    (caf(desc(flags=3, bits=64, frame=8), caf_data()), "found 64-bit float samples"),
    (caf(desc(bits=24, frame=4), caf_data()), "found 1 x 24 bits in 4 bytes"),
    (caf(desc(rate=float("nan")), caf_data()), "rate of 0 Hz"),
    (caf(desc(rate=1e300), caf_data()), "rate of 0 Hz"),
    (caf(desc(rate=-8000), caf_data()), "rate of 0 Hz"),
    (caf(long_chunk(b"desc", b"short"), caf_data()), "desc chunk of the CAF file is truncated"),
    (caf(caf_data(), desc()), "its samples precede their format"),
    (caf(desc(), caf_data(size=3)), "impossible size"),
    (caf(desc(), long_chunk(b"free", b"", size=-1)), "no samples in its first"),
    (w64(w64_fmt(block=3), guid_chunk(b"data", LITTLE)), "found 1 x 16 bits in 3 bytes"),
    (w64(w64_fmt(tag=3, bits=64, block=8), guid_chunk(b"data", LITTLE)), "found 64-bit float samples"),
    (w64(w64_fmt(tag=6), guid_chunk(b"data", LITTLE)), "A-law samples"),
    (w64(guid_chunk(b"junk", b"", size=23), w64_fmt(), guid_chunk(b"data", LITTLE)), "the W64 file is damaged: a chunk"),
    (w64(w64_fmt(), guid_chunk(b"data", LITTLE, size=23)), "impossible size"),
    (w64(w64_fmt()), "no data chunk"),
    (w64(w64_fmt())[:30], "not a W64 file"),
    (w64(w64_fmt()).replace(b"wave", b"wavy"), "not a W64 file"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_what_is_not_supported_is_named(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"x.file: .*{message}") as error:
        read(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ODD)
def test_every_cut_gives_parts_or_a_clear_error(name: str) -> None:
    for size in range(12, len(ODD[name])):
        try:
            read(ODD[name][:size])
        except DataError:
            continue


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(ODD.values())), st.data())
def test_any_edit_gives_parts_or_a_clear_error(whole: bytes, data: st.DataObject) -> None:
    a = data.draw(st.integers(12, len(whole)))
    b = min(len(whole), a + data.draw(st.integers(0, 30)))
    try:
        read(whole[:a] + data.draw(st.binary(max_size=30)) + whole[b:])
    except DataError:
        return


@pytest.mark.parametrize("original", [Original.WAV, Original.AIFF])
def test_files_beyond_4_gib_are_refused(original: Original) -> None:
    kind, about = KINDS[original], AudioFormat(8000, 1, 16)
    with pytest.raises(DataError, match=r"4 GiB.*\.w64 or \.caf"):
        kind.plain_head(2**31, about)
    assert len(kind.plain_head(2**31 - 50, about)) < 60
    for long in (Original.CAF, Original.W64):
        assert read(KINDS[long].plain_head(2**40, about))[3].announced == 2**40
