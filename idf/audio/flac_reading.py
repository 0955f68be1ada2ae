"""Splitting FLAC files for reading: the metadata before the frames, and the bare frames for libsndfile.

libsndfile sees only a corrected STREAMINFO and the frames, so leading tags, unknown metadata blocks and a missing
length do not matter.

Source: RFC 9639.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import IO

from idf.audio.format import UnsupportedAudioError
from idf.errors import DataError

MAGIC = b"fLaC"
STREAMINFO_BYTES = 34
MAX_METADATA_BYTES = 1 << 28
"""Limit for metadata, which is held in memory. One block, such as a picture, has at most 16 MiB."""
_ID3V1_BYTES = 128
_MAX_TRIES = 1 << 12
"""Candidates for the last frame. Two bytes that look like the start of a frame occur by chance once in 32 kB."""
_LAST_BYTES = 1 << 21
"""More than the longest frame: 65,535 samples of 8 channels, 24 bits."""


def flac_start(data: bytes | bytearray) -> int:
    """Return the position of ``fLaC``: after any leading ID3 tags, as far as ``data`` holds them."""
    start = 0
    while data[start : start + 3] == b"ID3" and len(data) >= start + 10:
        size = sum((byte & 127) << 7 * n for n, byte in enumerate(reversed(data[start + 6 : start + 10])))
        start += 10 + size + 10 * bool(data[start + 5] & 16)  # a footer
    return start


def metadata_blocks(data: bytes | bytearray, start: int = 0) -> Iterator[tuple[int, int, int, bool]]:
    """Yield type, position and size of each complete metadata block, and whether it is the last.

    Args:
        data: the file, or its beginning.
        start: position of ``fLaC``.
    """
    place = start + len(MAGIC)
    while place + 4 <= len(data):
        kind, size = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
        if place + 4 + size > len(data):
            return
        yield kind & 127, place + 4, size, kind > 127
        if kind > 127:
            return
        place += 4 + size


def read_metadata(file: IO[bytes], name: str) -> bytes:
    """Return everything before the frames of a FLAC file, leading ID3 tags included.

    Raises:
        DataError: the metadata is truncated, or the file is not FLAC.
    """
    file.seek(0)
    data = bytearray(file.read(10))
    while (start := flac_start(data)) + 10 > len(data) and start <= MAX_METADATA_BYTES:
        if not (more := file.read(start + 10 - len(data))):
            break
        data += more
    if data[start : start + 4] != MAGIC:
        raise UnsupportedAudioError(name, "no FLAC after the ID3 tag")
    place = start + 4
    while place <= MAX_METADATA_BYTES:
        data += file.read(max(place + 4 - len(data), 0))
        end = place + 4 + int.from_bytes(data[place + 1 : place + 4], "big")
        data += file.read(max(end - len(data), 0))
        if len(data) < max(end, place + 4):
            break
        if data[place] > 127:
            return bytes(data[:end])
        place = end
    raise DataError(f"{name}: the metadata of the FLAC file is truncated or damaged; get a fresh copy of the file")


def streaminfo(metadata: bytes, name: str) -> bytes:
    """Return STREAMINFO, the first metadata block (34 bytes). Raises DataError if another block is first."""
    for kind, place, size, _ in metadata_blocks(metadata, flac_start(metadata)):
        if (kind, size) == (0, STREAMINFO_BYTES):
            return metadata[place : place + size]
        break
    raise DataError(f"{name}: the FLAC file does not begin with its STREAMINFO; get a fresh copy of the file")


def stated_samples(info: bytes) -> int:
    """Return the samples per channel that STREAMINFO states; 0 means unknown."""
    return int.from_bytes(info[13:18], "big") & ((1 << 36) - 1)


def frames_end(file: IO[bytes], start: int) -> int:
    """Return the position after the last frame without decoding: the end of the file, less an ID3v1 tag."""
    size = file.seek(0, 2)
    if size - _ID3V1_BYTES >= start:
        file.seek(size - _ID3V1_BYTES)
        if file.read(3) == b"TAG":
            return size - _ID3V1_BYTES
    return size


def count_samples(file: IO[bytes], start: int, info: bytes, name: str) -> int:
    """Return the number of samples per channel according to the last frame.

    Args:
        file: the seekable FLAC file.
        start: position of the first frame.
        info: STREAMINFO.
        name: name of the file, for messages.

    Raises:
        DataError: the file does not end with a complete frame.
    """
    end = frames_end(file, start)
    if end == start:
        return 0
    begin = max(start, end - _LAST_BYTES)
    file.seek(begin)
    data = file.read(end - begin)
    place = len(data)
    for _ in range(_MAX_TRIES):
        place = max(data.rfind(b"\xff\xf8", 0, place), data.rfind(b"\xff\xf9", 0, place))
        if place < 0:
            break
        if samples := _frame_end(data, place, int.from_bytes(info[2:4], "big")):
            return samples
    raise DataError(f"{name}: corrupt audio: the last frame of the FLAC file is truncated; get a fresh copy")


class Stripped:
    """A view of a FLAC file, with its own read position, that has no metadata but STREAMINFO.

    Args:
        file: the seekable FLAC file.
        start: position of its first frame.
        info: STREAMINFO, including the number of samples.
    """

    def __init__(self, file: IO[bytes], start: int, info: bytes) -> None:
        self._file, self._start, self._place = file, start, 0
        self._front = MAGIC + b"\x80\0\0\x22" + info

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        front = self._front[self._place : self._place + size if size >= 0 else None]
        self._file.seek(self._start + max(self._place + len(front) - len(self._front), 0))
        data = front + self._file.read(size - len(front) if size >= 0 else -1)
        self._place += len(data)
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        """Move the read position, as ``io.IOBase.seek`` does."""
        if whence == 2:
            place += self._file.seek(0, 2) - self._start + len(self._front)
        self._place = place + self._place if whence == 1 else place
        return self._place

    def tell(self) -> int:
        """Return the read position."""
        return self._place


def _frame_end(data: bytes, place: int, block_samples: int) -> int:
    """Return the number of the sample after the frame that spans ``data[place:]``; 0 if that is not a frame."""
    head = data[place : place + 16]
    if len(head) < 10:
        return 0
    code, rate_code = head[2] >> 4, head[2] & 15
    number, size = _coded_number(head[4:])
    at = 4 + size
    if size == 0 or code == 0 or rate_code == 15:
        return 0
    wide = {6: 1, 7: 2}.get(code, 0)
    samples = int.from_bytes(head[at : at + wide], "big") + 1
    if code == 1:
        samples = 192
    elif code < 6:
        samples = 576 << (code - 2)
    elif code > 7:
        samples = 256 << (code - 8)
    at += wide + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head) or _crc(head[:at], 8, 0x07) != head[at]:
        return 0
    if _crc(data[place:-2], 16, 0x8005) != int.from_bytes(data[-2:], "big"):
        return 0
    return samples + (number if head[1] & 1 else number * block_samples)


def _coded_number(data: bytes) -> tuple[int, int]:
    """Return a number in the UTF-8-like coding of FLAC and its length in bytes; length 0 if it is invalid."""
    ones = 8 - (data[0] ^ 255).bit_length()
    if ones in (1, 8) or any(byte & 0xC0 != 0x80 for byte in data[1:ones]):
        return 0, 0
    number = data[0] & (127 >> ones)
    for byte in data[1:ones]:
        number = number << 6 | byte & 63
    return number, max(ones, 1)


def _crc(data: bytes, width: int, polynomial: int) -> int:
    table, mask, crc = _crc_table(width, polynomial), (1 << width) - 1, 0
    for byte in data:
        crc = (crc << 8 & mask) ^ table[crc >> (width - 8) ^ byte]
    return crc


@functools.cache
def _crc_table(width: int, polynomial: int) -> list[int]:
    top, mask, table = 1 << (width - 1), (1 << width) - 1, []
    for byte in range(256):
        value = byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table
