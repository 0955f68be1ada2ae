"""An independent reader that follows docs/format.md without our modules: files are as the page says."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib

import pytest

from tests.paths import FROZEN

DIGESTS = json.loads((FROZEN / "digests.json").read_text())
NAMES = sorted(path.stem for path in FROZEN.glob("*.idf"))


class File:
    """A file parsed as the page says. Asserts what it says must hold."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        self.header()
        self.blocks: dict[int, list[tuple[int, bytes]]] = {0: [], 1: [], 2: []}
        sizes = []
        while self.data[self.place] == 0xA9:
            start = self.place
            kind = self.block()
            if kind == 1:
                sizes.append(self.place - start)
        self.end(sizes)
        assert self.place == len(data)

    def take(self, size: int) -> bytes:
        self.place += size
        assert self.place <= len(self.data)
        return self.data[self.place - size : self.place]

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def header(self) -> None:
        assert self.take(5) == b"\x89IDF\x01"
        sound, origin = self.take(2)
        self.is_float, self.has_head, silent = (bool(sound >> n & 1) for n in (5, 6, 7))
        self.sample_bytes, self.channels = (sound >> 3 & 3) + 1, (sound & 7) + 1
        self.original, has_name, self.is_column = origin & 7, bool(origin & 8), bool(origin & 16)
        self.is_big_endian, self.is_signed = bool(origin & 32), bool(origin & 64)
        assert origin < 128
        self.rate, self.chunk = self.number(), self.number()
        self.announced = None if silent else self.number()
        self.name = self.take(self.number()) if has_name else b""
        self.fingerprint = self.take(8)
        self.seed = zlib.crc32(self.data[: self.place])
        assert struct.unpack("<I", self.take(4)) == (self.seed,)

    def block(self) -> int:
        start = self.place
        assert self.take(3) == b"\xa9\x5d\xb2"
        number, kind = divmod(self.number(), 4)
        samples = 0
        if kind == 3:
            samples = self.number()
        elif kind == 1:
            assert self.announced is not None
            samples = min(self.announced - number * self.chunk, self.chunk)
        kind = 1 if kind == 3 else kind
        assert number == len(self.blocks[kind])
        length = self.number()
        crc = zlib.crc32(self.data[start : self.place], self.seed)
        (stored,) = struct.unpack("<I", self.take(4))
        payload = self.take(length)
        assert stored == zlib.crc32(payload, crc)
        self.blocks[kind].append((samples, payload))
        return kind

    def end(self, sizes: list[int]) -> None:
        start = self.place
        mark = self.take(1)[0]
        assert mark >> 2 == 16
        self.samples = self.number() if mark & 1 else self.announced
        around = (self.number(), self.number()) if mark & 2 else (0, 0)
        assert around == (len(self.blocks[0]), len(self.blocks[2]))
        assert [self.number() for _ in sizes[:-1]] == sizes[:-1]
        self.digest = self.take(32)
        crc = zlib.crc32(self.data[start : self.place], self.seed)
        assert struct.unpack("<I", self.take(4)) == (crc,)
        size, last = self.place - start, self.data[self.place :][::-1]
        assert size == sum((byte & 127) << 7 * n for n, byte in enumerate(last))
        self.take(len(last))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_as_the_page_says(name: str) -> None:
    file = File((FROZEN / f"{name}.idf").read_bytes())
    assert file.fingerprint.hex() == DIGESTS["tiny.idfm"]["fingerprint"][:16]
    assert sum(samples for samples, _ in file.blocks[1]) == file.samples
    original = {"flac": 1, "aiff": 2, "caf": 3, "w64": 4}.get(name.partition("-")[0], 0)
    assert bool(file.blocks[0]) == file.has_head == (original > 0 or name == "odd-wav")
    assert (file.original, file.name) == (original, f"{name}.Ünï".encode() if file.has_head else b"")
    assert file.is_big_endian == (name in ("aiff-24", "aiff-float", "caf-big-16"))
    assert file.is_signed == (name in ("aiff-8", "caf-8"))
    for _, payload in file.blocks[1]:
        assert payload[0] in ((0, 3, 4, 5) if file.is_float else (0, 1, 2))


def test_a_file_is_decoded_by_the_page_alone() -> None:
    """The file needs no model: it holds noise, stored as PCM."""
    file = File((FROZEN / "three-24.idf").read_bytes())
    assert {payload[0] for _, payload in file.blocks[1]} == {0}
    pcm = b"".join(payload[1:] for _, payload in file.blocks[1])
    assert hashlib.sha256(pcm).digest() == file.digest
    frame = file.channels * file.sample_bytes
    assert len(pcm) == (file.samples or 0) * frame
    head = b"RIFF" + struct.pack("<I", 36 + len(pcm) + len(pcm) % 2) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, file.channels, file.rate, file.rate * frame, frame, 8 * file.sample_bytes)
    wav = head + b"data" + struct.pack("<I", len(pcm)) + pcm + b"".join(payload[1:] for _, payload in file.blocks[2])
    assert hashlib.sha256(wav).hexdigest() == DIGESTS["three-24"]["wav"]
