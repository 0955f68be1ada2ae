"""Sequential writing and reading of a compressed file: a header, blocks with their own CRCs, an end.

One block is in memory at a time, so files can have any length. The bytes of each part are in
:mod:`idf.container.records`, the content of an audio block in :mod:`idf.container.blocks.planes`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import IO

from idf.container import varint
from idf.container.records import (
    AUDIO,
    CRC_BYTES,
    DAMAGED,
    DIGEST_BYTES,
    END_MARKS,
    HEAD,
    MAX_FOREIGN_BYTES,
    TAIL,
    BlockHead,
    End,
    Header,
    Kind,
    Taker,
    pack_block,
    pack_end,
    pack_foreign,
    parse_end,
    read_block_head,
    read_header,
    take_end_start,
    unpack_foreign,
)
from idf.errors import FormatError
from idf.files import read_fully


@dataclass(frozen=True)
class Block:
    """One block of a file.

    Attributes:
        kind: kind of the block.
        number: number among the blocks of its kind, from 0.
        samples: samples per channel; 0 unless the kind is audio.
        payload: coded audio, or bytes of the original for other kinds.
    """

    kind: Kind
    number: int
    samples: int
    payload: bytes


class FrameWriter:
    """Writes a file sequentially, block by block.

    Args:
        file: binary file to write to.
        header: the header, written immediately.
    """

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file, self._header = file, header
        self._count = dict.fromkeys(Kind, 0)
        self._index, self._last = bytearray(), b""
        self._samples = 0
        self.bytes_written = 0
        self._put(header.pack())

    def foreign(self, kind: Kind, data: bytes) -> None:
        """Write bytes before (``HEAD``) or after (``TAIL``) the samples, of any length. May be called repeatedly."""
        for start in range(0, len(data), MAX_FOREIGN_BYTES):
            self._block(kind, 0, pack_foreign(data[start : start + MAX_FOREIGN_BYTES]))

    def audio(self, samples: int, payload: bytes) -> None:
        """Write the next ``samples`` samples per channel. All blocks but the last must be full."""
        self._index += self._last
        self._last = varint.pack(self._block(AUDIO, samples, payload))
        self._samples += samples

    def finish(self, digest: bytes) -> None:
        """Write the end. The file stays open."""
        heads, tails = self._count[HEAD], self._count[TAIL]
        self._put(pack_end(self._header, self._samples, heads, tails, bytes(self._index), digest))

    def _block(self, kind: Kind, samples: int, payload: bytes) -> int:
        """Write a block. Returns its size in bytes."""
        data = pack_block(self._header, kind, self._count[kind], samples, payload)
        self._put(data)
        self._count[kind] += 1
        return len(data)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes_written += len(data)


class FrameReader:
    """Reads a file sequentially, block by block, and checks the order of the blocks.

    Args:
        file: binary file to read from.

    Attributes:
        header: the file's header.

    Raises:
        FormatError: see :func:`idf.container.records.read_header`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = _Ahead(file)
        self.header = read_header(file)
        self._kind = HEAD
        self._count = dict.fromkeys(Kind, 0)
        self._samples = 0
        # the expected index at the end: its size and CRC, and the last block's size, not yet included
        self._index_size, self._index_crc, self._last = 0, 0, b""

    def next(self) -> Block | End:
        """Return the next block, checked to be intact and in place, or finally the end.

        Raises:
            FormatError: it is damaged or missing, or bytes follow the end.
        """
        if self._file.peek() in END_MARKS:
            return self._end()
        try:
            head = read_block_head(self._file, self.header)  # type: ignore[arg-type]
        except FormatError:
            raise FormatError(f"{DAMAGED} after sample {self._samples}") from None
        self._check_place(head)
        payload = read_fully(self._file, head.length)  # type: ignore[arg-type]
        if not head.fits(payload):
            raise FormatError(f"{self._name(head)} is damaged or truncated (its CRC differs)")
        if head.kind != AUDIO:
            payload = unpack_foreign(payload)
        self._kind = head.kind
        self._count[head.kind] += 1
        self._samples += head.samples
        if head.kind == AUDIO:
            self._index_size += len(self._last)
            self._index_crc = zlib.crc32(self._last, self._index_crc)
            self._last = varint.pack(head.size)
        return Block(head.kind, head.number, head.samples, payload)

    def _end(self) -> End:
        taker = Taker(self._file)  # type: ignore[arg-type]
        take_end_start(taker, self.header)
        # sized by the blocks read so far, since the end is not trusted yet
        index = taker.take(self._index_size)
        taker.take(DIGEST_BYTES + CRC_BYTES)
        end = parse_end(bytes(taker.taken), self.header)
        size = varint.pack(len(taker.taken))[::-1]
        told = end.samples, end.heads, end.tails
        same = told == (self._samples, self._count[HEAD], self._count[TAIL]) and zlib.crc32(index) == self._index_crc
        if not same or read_fully(self._file, len(size) + 1) != size:  # type: ignore[arg-type]
            raise FormatError(f"{DAMAGED}: its end contradicts the rest")
        return end

    def _check_place(self, head: BlockHead) -> None:
        after_short = head.kind == AUDIO and self._samples % self.header.chunk_samples
        unannounced = head.kind == HEAD and not self.header.has_head
        beheaded = head.kind != HEAD and self.header.has_head and not self._count[HEAD]
        if head.kind < self._kind or head.number != self._count[head.kind] or after_short or unannounced or beheaded:
            raise FormatError(f"{DAMAGED}: a block is missing or misplaced after sample {self._samples}")

    def _name(self, head: BlockHead) -> str:
        if head.kind == AUDIO:
            return f"the block of samples {self._samples} to {self._samples + head.samples - 1}"
        return {HEAD: "the block of the original's head", TAIL: "the block of the original's tail"}[head.kind]


class _Ahead:
    """A file whose next byte can be inspected before it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._next = file, b""

    def peek(self) -> bytes:
        """Return the next byte without reading it; empty at the end."""
        self._next = self._next or self._file.read(1)
        return self._next

    def read(self, size: int) -> bytes:
        data, self._next = self._next[:size], self._next[size:]
        return data + read_fully(self._file, size - len(data))
