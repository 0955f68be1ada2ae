from __future__ import annotations

import pytest

from idf.training.tracking.progress import Bar, Lines, open_display


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = open_display(0, 100)
    assert isinstance(display, Lines)
    display.train(10, 8.0, 60_000)
    display.train(11, 8.0, 60_000)  # too soon after the previous line
    display.validation(50, 10.0, 9.0)
    display.train(100, 7.9, 60_000)
    display.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "step 10/100  8.000 bits/sample  ratio 2.000  60,000 samples/s"
    assert lines[1] == "step 50/100  validation 10.000 bits/sample  ratio 1.600  (best 9.000)"
    assert lines[2].startswith("step 100/100")
    assert lines[2].endswith("left 0:00")
    assert len(lines) == 3


def test_the_bar_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(0, 100)
    bar.say("training there")
    bar.validation(50, 10.0, 9.0)
    bar.train(60, 8.0, 60_000)
    bar.close()
    shown = capsys.readouterr().out
    assert "training there" in shown
    assert "60" in shown  # the rest depends on the terminal's width
