from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.cli.console import Report
from idf.container.index import read_index
from idf.workers import process as worker_process
from idf.workers.process import WorkerProcess
from tests.paths import ROOT

Idf = Callable[..., Any]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def damage(path: Path) -> None:
    with open(path, "rb") as file:
        place = int(read_index(file).starts[0]) + 40
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_there_and_back(idf: Idf, wav: Path, tmp_path: Path) -> None:
    original = wav.read_bytes()
    done = idf("compress", wav)
    assert (done.status, done.out) == (0, b"")
    heading, row = done.err.splitlines()
    assert heading.split() == ["file", "audio", "compressed", "bits/sample", "ratio", "×", "real", "time"]
    assert str(wav).endswith(row.split()[0].lstrip("…"))
    assert wav.read_bytes() == original
    wav.unlink()
    assert idf("verify", tmp_path / "in.idf").status == 0
    assert idf("decompress", tmp_path / "in.idf").status == 0
    assert wav.read_bytes() == original


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["in.wav"], ["in.idf", "in.wav"]),
        (["-z", "in.wav"], ["in.idf", "in.wav"]),
        (["-k", "-o", "x.idf", "in.wav"], ["in.wav", "x.idf"]),
        (["-fkq", "in.wav"], ["in.idf", "in.wav"]),
        (["--compress", "--", "in.wav"], ["in.idf", "in.wav"]),
    ],
)
def test_habits_of_compressing(
    idf: Idf, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert idf(*arguments).status == 0
    assert names(tmp_path) == expected


@pytest.mark.parametrize("arguments", [["-d"], ["-dfk"], ["--decompress", "-f"], ["-f", "-d", "-v"]])
def test_habits_of_decompressing(idf: Idf, wav: Path, tmp_path: Path, arguments: list[str]) -> None:
    original = wav.read_bytes()
    idf(wav)
    wav.unlink()
    assert idf(*arguments, tmp_path / "in.idf").status == 0
    assert wav.read_bytes() == original


def test_habits_of_testing_and_listing(idf: Idf, wav: Path, tmp_path: Path) -> None:
    idf(wav)
    assert idf("-t", tmp_path / "in.idf").status == idf("--test", "-q", tmp_path / "in.idf").status == 0
    assert b"8000 Hz" in idf("-l", tmp_path / "in.idf").out
    assert names(tmp_path) == ["in.idf", "in.wav"]
    damage(tmp_path / "in.idf")
    done = idf("-t", tmp_path / "in.idf")
    assert done.status == 1
    assert b"in.idf: the block of samples 0 to 2999 is damaged" in done.out
    assert done.err == ""


def test_pipes(idf: Idf, wav: Path) -> None:
    original = wav.read_bytes()
    for arguments in (["compress", "-"], ["-c"], ["compress", "-", "--no-verify"], ["compress"]):
        packed = idf(*arguments, stdin=original)
        assert packed.status == 0
        assert packed.out[:4] == b"\x89IDF"
        assert idf("-dc", stdin=packed.out).out == original
        assert idf("verify", "-", stdin=packed.out).status == 0
        assert idf("decompress", "--salvage", "-", stdin=packed.out).out == original
    assert idf("compress", wav, "-o", "-").out == packed.out
    assert idf("-d", "-", "-o", wav.with_name("new.wav"), stdin=packed.out).status == 0
    assert wav.with_name("new.wav").read_bytes() == original


def test_flac_through_a_pipe(idf: Idf, tmp_path: Path) -> None:
    path = tmp_path / "in.flac"
    soundfile.write(path, np.arange(3000, dtype=np.int16), 8000)
    packed = idf("compress", "-", stdin=path.read_bytes())
    assert packed.status == 0
    (tmp_path / "a.idf").write_bytes(packed.out)
    assert idf("decompress", tmp_path / "a.idf").status == 0
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.flac", dtype="int16")[0], np.arange(3000))


@pytest.mark.parametrize("jobs", [1, 3])
def test_folders(idf: Idf, wav: Path, tmp_path: Path, jobs: int) -> None:
    sound = tmp_path / "sound"
    (sound / "deep").mkdir(parents=True)
    for name in ("a.wav", "deep/b.WAV", "deep/.hidden.wav", "notes.txt"):
        shutil.copy(wav, sound / name)
    soundfile.write(sound / "c.flac", np.arange(100, dtype=np.int16), 8000)
    done = idf("compress", sound, "-o", tmp_path / "packed", "-j", jobs)
    assert done.status == 0
    assert names(tmp_path / "packed") == ["a.idf", "c.idf", "deep/b.idf"]
    assert done.err.splitlines()[-2].startswith("3 files ")
    assert done.err.splitlines()[-1].startswith("3 done, 0 skipped, 0 failed; ")
    assert idf("verify", tmp_path / "packed", "-j", jobs).status == 0
    assert idf("decompress", tmp_path / "packed", "-o", tmp_path / "back", "-j", jobs).status == 0
    assert names(tmp_path / "back") == ["a.wav", "c.flac", "deep/b.WAV"]
    assert (tmp_path / "back" / "deep" / "b.WAV").read_bytes() == wav.read_bytes()


def test_one_bad_file_does_not_stop_the_others(idf: Idf, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("this is no sound")
    done = idf("compress", tmp_path / "bad.wav", tmp_path / "missing.wav", wav)
    assert done.status == 1
    assert "bad.wav: not a WAV, AIFF, CAF, W64 or FLAC file" in done.err
    assert "missing.wav: no such file" in done.err
    assert (tmp_path / "in.idf").exists()


def test_files_that_exist_are_not_replaced(idf: Idf, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "in.idf").write_text("precious")
    done = idf("compress", wav)
    assert done.status == 1
    assert "in.idf exists" in done.err
    assert "--force" in done.err
    assert (tmp_path / "in.idf").read_text() == "precious"
    assert idf("compress", "-f", wav).status == 0
    nameless = wav.rename(tmp_path / "recording")
    done = idf("compress", "-f", nameless, "-o", nameless)
    assert done.status == 1
    assert "the source file" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compress", "-m", "unheard-of", "in.wav"], "there is no model unheard-of; .* take one of: default"),
        (["compress", "."], "no .wav or"),
        (["verify", "."], "no .idf files in"),
        (["compress", "in.wav", "in.wav", "-o", "-"], "cannot go to standard output"),
        (["info", "-"], "give a file"),
        (["compress", "--jobs", "many", "in.wav"], "not a number"),
        (["explode"], "explode: no such file"),
        (["compress", "--frobnicate", "in.wav"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_what_cannot_be_begun(
    idf: Idf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = idf(*arguments)
    assert done.status == (1 if arguments == ["explode"] else 2)
    assert re.search(message, done.err), done.err


def test_a_bar_is_shown_to_who_looks(idf: Idf, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(wav, tmp_path / "other.wav")
    monkeypatch.setattr(Report, "_is_watched", lambda self: not self.quiet)
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich treat the stream as a terminal
    (tmp_path / "bad.wav").write_text("this is no sound")
    done = idf("compress", "-v", "-j", 2, tmp_path)
    assert done.status == 1
    assert "compressing" in done.err
    assert "100 %" in done.err
    assert "bad.wav: not a WAV, AIFF, CAF, W64 or FLAC file" in done.err
    assert "other.wav: done in" in done.err
    assert "compressing" not in idf("compress", "-qf", wav).err


def test_quiet_says_errors_only(idf: Idf, wav: Path, tmp_path: Path) -> None:
    assert idf("compress", "-q", wav).err == ""
    assert idf("compress", "-q", wav).err.startswith("error: ")


def test_info(idf: Idf, wav: Path, tmp_path: Path, models: Path) -> None:
    idf(wav)
    facts = json.loads(idf("info", "--json", tmp_path / "in.idf").out)
    assert (facts["channels"], facts["bits"], facts["rate_hz"], facts["samples"]) == (1, 16, 8000, 3000)
    assert (facts["model_name"], facts["original"], facts["blocks"]) == ("default", "wav", 1)
    soundfile.write(tmp_path / "b.flac", np.arange(100, dtype=np.int16), 8000)
    idf(tmp_path / "b.flac")
    listed = idf("info", tmp_path / "in.idf", tmp_path / "b.idf").out
    assert b"WAV, standard header" in listed
    assert b"FLAC, metadata stored" in listed
    (models / "default.idfm").unlink()
    assert b"not installed" in idf("info", tmp_path / "in.idf").out
    (tmp_path / "bad.idf").write_text("no")
    done = idf("info", tmp_path / "bad.idf", tmp_path / "in.idf")
    assert done.status == 1
    assert b"8000 Hz" in done.out
    assert "bad.idf: this is not an idf file" in done.err


def test_models_travel(idf: Idf, wav: Path, tmp_path: Path, models: Path) -> None:
    idf(wav)
    listed = idf("models").out.decode()
    assert listed.startswith("default (default)")
    assert idf("models", "export", "default", tmp_path / "mine.idfm").status == 0
    again = idf("models", "export", "default", tmp_path / "mine.idfm")
    assert again.status == 2
    assert "exists" in again.err
    (models / "default.idfm").unlink()
    missing = idf("verify", tmp_path / "in.idf")
    assert missing.status == 1
    assert f"needs model {json.loads(idf('info', '--json', tmp_path / 'in.idf').out)['model']}" in missing.out.decode()
    assert b"idf models import FILE" in missing.out
    assert idf("verify", "--model", tmp_path / "mine.idfm", tmp_path / "in.idf").status == 0
    assert idf("models", "import", tmp_path / "mine.idfm").status == 0
    assert idf("verify", tmp_path / "in.idf").status == 0
    assert "no models are installed" not in idf("models").out.decode()
    (tmp_path / "bad.idfm").write_text("no")
    assert idf("models", "import", tmp_path / "bad.idfm").status == 2


def test_salvage(idf: Idf, wav: Path, tmp_path: Path) -> None:
    idf(wav)
    damage(tmp_path / "in.idf")
    assert idf("decompress", tmp_path / "in.idf", "-o", tmp_path / "out.wav").status == 1
    assert not (tmp_path / "out.wav").exists()
    done = idf("decompress", "--salvage", tmp_path / "in.idf", "-o", tmp_path / "out.wav")
    assert done.status == 1
    assert "0 of 3000 samples were salvaged; now silent: 0 to 2999 (0.00 s to 0.38 s)" in done.err
    samples, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert (len(samples), rate_hz, samples.any()) == (3000, 8000, False)


def test_help_teaches(idf: Idf) -> None:
    text = idf("--help").out.decode()
    for word in ("compress", "decompress", "verify", "info", "models", "examples", "exit status", "-d", "-t"):
        assert word in text
    assert b"--no-verify" in idf("compress", "--help").out


def test_a_full_disk_is_one_clear_message(idf: Idf, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = idf("compress", wav)
    assert done.status == 1
    assert "the disk is full" in done.err
    assert names(tmp_path) == ["in.wav"]


COMMAND = [sys.executable, "-m", "idf"]
ENVIRONMENT = {"PYTHONPATH": str(ROOT)}


def test_the_command_starts_without_tensorflow(models: Path, wav: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from idf.cli import main; status = main(['-q', *sys.argv[1:]]); "
        "assert not [m for m in ('tensorflow', 'keras', 'librosa', 'matplotlib', 'wandb') if m in sys.modules]; "
        "sys.exit(status)"
    )
    environment = {**os.environ, **ENVIRONMENT}
    assert subprocess.run([sys.executable, "-c", program, str(wav)], env=environment).returncode == 0
    light = "import sys, idf; assert not {'numpy', 'numba', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", light], env=environment, check=True)


def test_commands_that_code_nothing_do_without_compiled_loops(idf: Idf, wav: Path) -> None:
    assert idf("-q", wav).status == 0
    program = "import sys; from idf.cli import main; main(sys.argv[1:]); assert 'numba' not in sys.modules"
    environment = {**os.environ, **ENVIRONMENT}
    for words in (["info", str(wav.with_suffix(".idf"))], ["models"], ["info", str(wav)]):
        subprocess.run([sys.executable, "-c", program, *words], env=environment, check=True, stdout=subprocess.DEVNULL)


def test_a_full_target_device(models: Path, wav: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "compress", str(wav), "-c"],
            env={**os.environ, **ENVIRONMENT},
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode != 0
    assert b"no space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_process_leaves_no_broken_output(models: Path, tmp_path: Path) -> None:
    source = tmp_path / "long.wav"
    soundfile.write(source, np.random.default_rng(0).integers(-300, 300, 400_000).astype(np.int16), 8000)
    target = tmp_path / "long.idf"
    rng = np.random.default_rng()
    killed = 0
    for trial in range(8):
        jobs = str(1 + trial // 2 % 2)
        process = subprocess.Popen([*COMMAND, "-q", "-f", "-j", jobs, str(source)], env={**os.environ, **ENVIRONMENT})
        time.sleep(rng.uniform(0.6, 3))
        number = signal.SIGTERM if trial % 2 else signal.SIGKILL
        process.send_signal(number)
        status = process.wait()
        killed += status != 0
        assert status in (0, -number, 128 + number)  # -SIGTERM: stopped before or after its work
        if target.exists():
            verified = subprocess.run([*COMMAND, "-q", "-t", str(target)], env={**os.environ, **ENVIRONMENT})
            assert verified.returncode == 0
            target.unlink()
        if number == signal.SIGTERM and status == 143:
            assert not list(tmp_path.glob(".long.idf.*.part"))
        for rest in tmp_path.glob(".long.idf.*.part"):
            rest.unlink()
    assert killed


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_all_processes_at_once(models: Path, tmp_path: Path) -> None:
    """Send the signal to every process, as a terminal does."""
    folder = tmp_path / "long"
    folder.mkdir()
    for name in "abc":
        noise = np.random.default_rng(0).integers(-300, 300, 10_000_000).astype(np.int16)
        soundfile.write(folder / f"{name}.wav", noise, 8000)
    # a shell starts background processes with Ctrl-C ignored, which is inherited
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*COMMAND, "-j", "2", "-m", "bands-small", str(folder)],
        env={**os.environ, **ENVIRONMENT},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    while not any(path.stat().st_size > 100_000 for path in folder.glob(".*.part")):  # workers are busy
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 130
    assert names(folder) == ["a.wav", "b.wav", "c.wav"]
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker process is still running")


def test_workers_start_before_the_command_is_ready_for_them(
    idf: Idf, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    started: list[WorkerProcess] = []

    def prepare(count: int) -> None:
        counts.append(count)
        worker_process.prepare(count)
        started.extend(worker_process._prepared)

    monkeypatch.setattr(sys.modules["idf.cli.main"], "prepare", prepare)
    assert idf("compress", wav, "-j", "4").status == 0
    assert idf("info", wav.with_suffix(".idf")).status == 0
    assert idf("verify", wav.with_suffix(".idf"), tmp_path / "missing.idf", "-j", "4").status == 1
    assert idf("decompress", "--salvage", wav.with_suffix(".idf"), "-o", tmp_path / "new.wav", "-j", "4").status == 0
    assert idf("compress", tmp_path, "-o", tmp_path / "new", "-j", "3", "-m", "nowhere").status == 2
    assert counts == [1, 0, 2, 0, 3]  # at most one per file, but a folder may have many
    assert not any(worker.is_alive for worker in started)


@pytest.mark.parametrize("words", [["--preset", "fast"], ["-p", "fast"], ["--fast"], ["-m", "fast"]])
def test_presets_are_models_by_their_names(idf: Idf, models: Path, wav: Path, words: list[str]) -> None:
    (models / "default.idfm").rename(models / "fast.idfm")
    assert idf("compress", *words, wav).status == 0
    assert idf("compress", "--force", wav).status == 2
    assert idf("compress", "--force", "--best", wav).status == 2
    assert idf("compress", "--fast", "--best", wav).status == 2
    assert idf("decompress", "--force", wav.with_suffix(".idf")).status == 0
