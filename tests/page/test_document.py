from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from idf.page.document import Section, command_line, document, player, tiles, to_flac
from idf.page.markup import Markup, element

NASTY = "<script>alert('&\"')</script>"


def test_sections_without_content_are_left_out() -> None:
    sections = [Section("one", NASTY, element("p", "x")), Section("two", "Two", Markup())]
    text = document(NASTY, [element("h1", "a")], sections)
    assert "<script" not in text
    assert text.count('href="#') == 1
    assert 'id="two"' not in text
    assert "default-src 'none'" in text.replace("&#x27;", "'")


def test_tiles_and_commands_are_escaped() -> None:
    assert "<script" not in tiles([(NASTY, NASTY)])
    assert command_line(["/somewhere/train.py", "a=b c"]) == "$ python train.py 'a=b c'"


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 192000])
def test_audio_comes_back(rate_hz: int) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 500)
    shown = player(to_flac(samples, rate_hz), NASTY)
    assert "<script" not in shown
    decoded, rate = soundfile.read(io.BytesIO(base64.b64decode(shown.split("base64,")[1].split('"')[0])), dtype="int16")
    assert rate == rate_hz
    assert np.array_equal(decoded, samples)
