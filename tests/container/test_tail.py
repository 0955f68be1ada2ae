"""Reading a file while it is written."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from idf.container.tail import FollowedFile


def test_the_reader_gets_what_it_asks_for_as_soon_as_it_is_there() -> None:
    file = io.BytesIO()
    with ThreadPoolExecutor(1) as pool:
        with FollowedFile(file) as followed:
            followed.write(b"abc")
            assert followed.read(2) == b"ab"
            waiting = pool.submit(followed.read, 3)
            followed.write(b"d")
            assert not waiting.done()
            followed.write(b"ef")
            assert waiting.result() == b"cde"
            rest = pool.submit(followed.read)
            followed.write(b"gh")
        assert rest.result() == b"fgh"
    assert followed.read(5) == b""
    assert file.getvalue() == b"abcdefgh"


def test_at_the_end_there_may_be_less() -> None:
    with FollowedFile(io.BytesIO()) as followed:
        followed.write(b"abc")
    assert followed.read(10) == b"abc"


def test_a_writer_that_gives_up_ends_the_reading() -> None:
    with ThreadPoolExecutor(1) as pool:
        followed = FollowedFile(io.BytesIO())
        waiting = pool.submit(followed.read, 10)
        with suppress(ZeroDivisionError), followed:
            followed.write(b"abc")
            raise ZeroDivisionError
        with pytest.raises(EOFError, match="not written completely"):
            waiting.result()
