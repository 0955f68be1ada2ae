from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from idf.evaluation.codecs.interface import CodecError, Entry, FileCodec, Unavailable
from idf.evaluation.codecs.programs import PROGRAMS, Command, find_command, run_command

# The exact arguments of each program, so a changed order of arguments fails the test.
LINES = {
    "monkeys": ("mac", ["SOURCE", "TARGET", "-c4000"], ["SOURCE", "TARGET", "-d"]),
    "optimfrog": (
        "ofr",
        ["--encode", "--silent", "--preset", "5", "SOURCE", "--output", "TARGET"],
        ["--decode", "--silent", "SOURCE", "--output", "TARGET"],
    ),
    "mpeg4als": ("mp4alsRM23", ["-b", "-p", "-z3", "SOURCE", "TARGET"], ["-x", "SOURCE", "TARGET"]),
    "wavpack": (
        "wavpack",
        ["-q", "-y", "-hh", "-x6", "SOURCE", "-o", "TARGET"],
        ["-q", "-y", "SOURCE", "-o", "TARGET"],
    ),
    "srla": (
        "srla",
        ["-e", "-m", "6", "-B", "8192", "-V", "3", "-P", "3", "SOURCE", "TARGET"],
        ["-d", "SOURCE", "TARGET"],
    ),
    "linne": ("linne", ["-e", "-m", "7", "SOURCE", "TARGET"], ["-d", "SOURCE", "TARGET"]),
    "sac": ("sac", ["--encode", "--normal", "SOURCE", "TARGET"], ["--decode", "SOURCE", "TARGET"]),
}

STAND_IN = """\
#!{python}
# Accepts exactly the two expected calls: compresses with zlib, and decompresses.
import sys, zlib
for pattern, work in (({encode!r}, zlib.compress), ({decode!r}, zlib.decompress)):
    words = sys.argv[1:]
    if len(words) == len(pattern) and all(p in ("SOURCE", "TARGET", w) for p, w in zip(pattern, words)):
        files = dict(zip(pattern, words))
        data = open(files["SOURCE"], "rb").read()
        open(files["TARGET"], "wb").write(work(data))
        sys.exit(0)
print("usage: something else")
sys.exit(7)
"""


@pytest.fixture
def command_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.skipif(
    os.name != "posix", reason="the stand-in is a script with a shebang line, which only POSIX systems support"
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_on_path_is_found_and_called(
    name: str, command_folder: Path, check_lossless: Callable[[FileCodec], None]
) -> None:
    command, encode, decode = LINES[name]
    script = command_folder / command
    script.write_text(STAND_IN.format(python=sys.executable, encode=encode, decode=decode))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    if name == "wavpack":
        (command_folder / "wvunpack").symlink_to(script)
    found = find_command(name)
    assert isinstance(found, Entry)
    assert found.provider == f"{command} command"
    check_lossless(found.implementation)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_missing_program_is_reported(name: str, command_folder: Path) -> None:
    found = find_command(name)
    assert isinstance(found, Unavailable)
    assert "on PATH" in found.reason
    assert LINES[name][0] in found.remedy


def test_errors_end_with_the_last_line_of_output() -> None:
    script = "import sys; print('first'); print('out of luck', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CodecError, match=r"exited with status 3: out of luck"):
        run_command([sys.executable, "-c", script])
    with pytest.raises(CodecError, match="cannot start no-such-program"):
        run_command(["no-such-program"])


def test_a_program_that_writes_nothing(tmp_path: Path) -> None:
    silent = Command((sys.executable, "-c", "pass"), (sys.executable, "-c", "pass"), ".x")
    with pytest.raises(CodecError, match="wrote no readable WAV"):
        silent.decode(tmp_path / "in.x")
