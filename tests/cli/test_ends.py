"""How the command ends early, and targets that are not regular files. Everything is in temporary folders."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.cli.console import Report
from idf.cli.ends import end_if_signalled
from tests.paths import ROOT

Idf = Callable[..., Any]
COMMAND = [sys.executable, "-m", "idf"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals, links and devices")


@pytest.fixture
def environment(models: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def null(tmp_path: Path) -> Path:
    """A private null device, never the system's, which a bug might replace."""
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_bytes(b"x")
    except PermissionError:
        pytest.skip("only root can create and write devices")
    return path


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_leave_nothing_behind(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    noise = np.random.default_rng(0).integers(-300, 300, 3_000_000).astype(np.int16)
    soundfile.write(tmp_path / "long.wav", noise, 8000)
    before = signal.signal(number, lambda *_: None)  # an ignored signal would be inherited, as from nohup
    process = subprocess.Popen(
        [*COMMAND, "-m", "bands-small", str(tmp_path / "long.wav")], env=environment, stderr=subprocess.PIPE, text=True
    )
    signal.signal(number, before)
    while not list(tmp_path.glob(".*.part")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate()[1] == "interrupted\n"
    assert process.returncode == status
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


class Trap:
    """Sends an interrupt from its destructor, where exceptions are lost."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", ["compress", "decompress", "verify"])
def test_a_signal_that_is_lost_in_a_destructor_ends_the_command_all_the_same(
    idf: Idf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int, command: str
) -> None:
    noise = np.random.default_rng(0).integers(-300, 300, 300_000).astype(np.int16)
    soundfile.write(tmp_path / "long.wav", noise, 8000)
    assert idf("-q", tmp_path / "long.wav").status == 0
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    advance = Report.advance

    def interrupted(report: Report, samples: int) -> None:
        if not lost:
            Trap(number)
        advance(report, samples)

    monkeypatch.setattr(Report, "advance", interrupted)
    before = sorted(path.name for path in tmp_path.iterdir())
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    source = tmp_path / ("long.wav" if command == "compress" else "long.idf")
    done = idf(command, "-q", *([] if command == "verify" else ["-c"]), source)  # files are processed in a thread
    assert (done.status, done.err, len(lost)) == (status, "interrupted\n", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    signal.signal(signal.SIGINT, handlers[0])
    assert signal.getsignal(signal.SIGTERM) == handlers[1]
    monkeypatch.undo()
    end_if_signalled()  # the next command is not affected


def test_nohup_is_obeyed(environment: dict[str, str], wav: Path) -> None:
    program = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from idf.cli import ends\n"
    program += "with ends.ended_by_signals(): os.kill(os.getpid(), signal.SIGHUP); print('goes on')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


@pytest.mark.parametrize("arguments", ["info in.idf", "info --json in.idf", "models", "decompress -c in.idf", "--help"])
@pytest.mark.parametrize("kind", ["closed", "full", "reader gone"])
def test_a_standard_output_that_takes_nothing_is_one_line(
    idf: Idf, environment: dict[str, str], wav: Path, arguments: str, kind: str
) -> None:
    if kind == "full" and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    assert idf("-q", wav).status == 0
    gone, writer = os.pipe()
    os.close(gone)
    shell = f"exec {' '.join(COMMAND)} {arguments} " + {"closed": ">&-", "full": ">/dev/full", "reader gone": ""}[kind]
    done = subprocess.run(shell, shell=True, cwd=wav.parent, env=environment, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    lines = done.stderr.decode().splitlines()
    assert done.returncode != 0
    assert len(lines) == 1, lines
    assert "standard output" in lines[0]


def test_closed_streams_are_not_given_to_files(environment: dict[str, str], wav: Path) -> None:
    shell = f"exec {' '.join(COMMAND)} in.wav -q <&- >&- 2>&-"
    assert subprocess.run(shell, shell=True, cwd=wav.parent, env=environment).returncode == 0
    assert subprocess.run([*COMMAND, "-t", "in.idf"], cwd=wav.parent, env=environment).returncode == 0


@pytest.mark.parametrize("length", [240, 241, 250, 255])
def test_the_longest_names(idf: Idf, wav: Path, length: int) -> None:
    long = wav.with_name("ö" * ((length - 4) // 2) + "x" * (length % 2) + ".wav")
    assert len(os.fsencode(long.name)) == length
    content = wav.read_bytes()
    wav.rename(long)
    assert idf("-q", long).status == 0
    long.unlink()
    assert idf("-dq", long.with_suffix(".idf")).status == 0
    assert long.read_bytes() == content


@pytest.mark.parametrize("command", ["compress", "decompress", "decompress --blocks 2", "decompress --salvage"])
def test_a_device_gets_the_bytes_and_stays_a_device(idf: Idf, wav: Path, null: Path, command: str) -> None:
    idf("-q", wav)
    source = wav if command == "compress" else wav.with_suffix(".idf")
    for force in ([], ["-f"]):
        done = idf(*command.split(), *force, source, "-o", null)
        assert done.status == 0, done.err
        assert stat.S_ISCHR(null.lstat().st_mode)


def test_models_and_flac_go_through_devices_too(idf: Idf, wav: Path, null: Path) -> None:
    assert idf("models", "export", "default", null).status == 0
    idf("-q", wav)
    (null.parent / "null.flac").symlink_to(null)
    assert idf("decompress", wav.with_suffix(".idf"), "-o", null.parent / "null.flac").status == 0
    assert stat.S_ISCHR(null.lstat().st_mode)
    assert (null.parent / "null.flac").is_symlink()


def test_a_fifo_gets_the_bytes_and_gives_them(idf: Idf, wav: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    assert idf("compress", "-f", wav, "-o", fifo).status == 0
    reader.join(10)
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    for arguments, out in ((["verify"], None), (["decompress", "-o", tmp_path / "back.wav"], tmp_path / "back.wav")):
        writer = threading.Thread(target=fifo.write_bytes, args=(got[0],))
        writer.start()
        assert idf(*arguments, fifo).status == 0
        writer.join(10)
        assert out is None or out.read_bytes() == wav.read_bytes()
    soundfile.write(tmp_path / "a.flac", np.arange(900, dtype=np.int16), 8000)
    writer = threading.Thread(target=fifo.write_bytes, args=((tmp_path / "a.flac").read_bytes(),))
    writer.start()
    assert idf("compress", fifo, "-o", tmp_path / "a.idf").status == 0
    writer.join(10)
    assert idf("verify", tmp_path / "a.idf").status == 0


def test_links_are_written_through(idf: Idf, wav: Path, tmp_path: Path) -> None:
    link, real = tmp_path / "link.idf", tmp_path / "else" / "real.idf"
    link.symlink_to(real)
    refused = idf("compress", wav, "-o", link)  # a dangling link is not replaced either
    assert (refused.status, "link.idf exists" in refused.err) == (1, True)
    assert not real.exists()
    assert idf("compress", "-f", wav, "-o", link).status == 0
    assert link.is_symlink()
    assert not real.is_symlink()
    assert idf("compress", wav, "-o", link).status == 1
    assert idf("verify", real).status == 0
    wav_link = tmp_path / "of wav.idf"
    wav_link.symlink_to(wav)
    assert "the source file" in idf("compress", "-f", wav, "-o", wav_link).err


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("command", ["decompress big.idf -o small/x.flac", "compress big.wav -o small/x.idf"])
def test_a_full_disk_is_one_line(idf: Idf, environment: dict[str, str], tmp_path: Path, command: str) -> None:
    noise = np.random.default_rng(0).integers(-32768, 32768, 300_000).astype(np.int16)
    soundfile.write(tmp_path / "big.wav", noise, 8000)
    assert idf("-q", tmp_path / "big.wav").status == 0
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("mounting is not possible here")
    try:
        done = subprocess.run(
            [*COMMAND, *command.split()], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "the disk is full; free some space" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["umount", str(small)], check=False)
