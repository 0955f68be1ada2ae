"""The command line: misspelt commands and abbreviated options are errors, not file names or other options."""

from __future__ import annotations

from pathlib import Path

import pytest

from idf.cli.arguments import parse


@pytest.mark.parametrize(("word", "meant"), [("decompres", "decompress"), ("compres", "compress"), ("verfy", "verify")])
def test_misspelt_commands_are_recognised(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse([word, "talk.idf"])
    assert f"{word}: neither a command nor a file; did you mean {meant}?" in capsys.readouterr().err


def test_a_file_with_a_name_like_a_command_is_compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verfy").touch()
    arguments = parse(["verfy"])
    assert (arguments.command, arguments.files) == ("compress", ["verfy"])


@pytest.mark.parametrize("argv", [["decompress", "--block", "2", "a.idf"], ["compress", "--no-ver", "a.wav"]])
def test_options_are_not_abbreviated(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(argv)
    assert "unrecognized arguments" in capsys.readouterr().err
