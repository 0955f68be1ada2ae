"""Folders and many files: which files are processed, which are ignored, and what is reported."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.cli.batch import do_all
from idf.cli.console import Report
from idf.cli.plan import Plan, Task
from idf.container.stream import Size
from idf.workers.pool import Processes, ordered_map
from tests.paths import ROOT

Idf = Callable[..., Any]
FAST = ROOT / "idf" / "data" / "models" / "fast.idfm"


@pytest.fixture
def tree(wav: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.wav", "deep/b.BWF"):
        shutil.copy(wav, folder / name)
    return folder


def unreadable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a folder unreadable. Root can read every folder, so the refusal is simulated."""
    scandir = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path).name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.parametrize("command", ["compress", "verify", "decompress", "info"])
def test_a_folder_that_cannot_be_read_is_an_error_and_the_rest_is_done(
    idf: Idf, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    if command != "compress":
        assert idf("-q", tree).status == 0
        (tree / "a.wav").unlink()
    unreadable(monkeypatch, "deep")
    done = idf(command, tree)
    assert done.status == 1
    assert f"error: {tree / 'deep'}: the folder cannot be read (permission denied)" in done.err
    assert {"compress": (tree / "a.idf").exists(), "decompress": (tree / "a.wav").exists()}.get(
        command, b"a.idf" in done.out
    )
    unreadable(monkeypatch, "tree")
    assert idf(command, tree).status == 2


def test_what_is_no_audio_we_take_is_counted_and_named(idf: Idf, tree: Path) -> None:
    for name in ("x.au", "deep/y.mp3", ".hidden.wav", ".cache/z.wav", "old.idf"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(b"?")
    (tree / "link").symlink_to(tree / "deep")
    done = idf("compress", tree)
    assert done.status == 0
    last = done.err.splitlines()[-1]
    assert last.startswith("2 done, 0 skipped, 0 failed; 12.1 kB before, ")
    over = {".cache/", ".hidden.wav", "x.au", "deep/y.mp3", "link/"}
    assert set(last.partition("; 5 ignored: ")[2].split(", ")) == {f"{tree}/{name}" for name in over}
    assert idf("compress", "-qf", tree).err == ""
    (tree / "only").mkdir()
    (tree / "only" / "x.opus").write_bytes(b"?")
    nothing = idf("compress", tree / "only")
    assert (nothing.status, "x.opus" in nothing.err) == (2, True)


def test_a_link_that_leads_nowhere_is_an_error(idf: Idf, tree: Path) -> None:
    (tree / "gone.wav").symlink_to(tree / "nowhere.wav")
    done = idf("compress", tree)
    assert (done.status, "gone.wav: no such file" in done.err) == (1, True)
    assert (tree / "a.idf").exists()


def test_all_clashes_are_named_and_the_rest_is_done(idf: Idf, tree: Path, wav: Path, tmp_path: Path) -> None:
    for name in ("a.flac", "c.wav", "c.wave"):
        shutil.copy(wav, tree / name)
    done = idf("compress", tree)
    assert done.status == 1
    for one, other in (("a.flac", "a.wav"), ("c.wav", "c.wave")):
        assert f"{tree / one} and {tree / other} would become the same file" in done.err
    assert sorted(path.name for path in tree.rglob("*.idf")) == ["b.idf"]
    assert done.err.splitlines()[-1].startswith("1 done, 0 skipped, 2 failed; ")
    (tmp_path / "other").mkdir()
    shutil.copy(wav, tmp_path / "other" / "in.wav")
    only = idf("compress", wav, tmp_path / "other" / "in.wav", "-o", tmp_path / "out")
    assert (only.status, "would become" in only.err) == (2, True)
    assert not (tmp_path / "out").exists()
    assert idf("compress", tree / "deep", tree / "deep" / "b.BWF", "-o", tmp_path / "twice").status == 0


@pytest.mark.parametrize("output", ["single.idf", "single.wav", "there"])
def test_several_files_do_not_go_into_one(idf: Idf, tree: Path, wav: Path, output: str) -> None:
    (wav.parent / "there").write_text("a file")
    for sources in ([wav, tree / "a.wav"], [tree]):
        done = idf("compress", *sources, "-o", wav.parent / output)
        assert (done.status, "is one file" in done.err) == (2, True)
    assert not (wav.parent / output).is_dir()
    assert idf("compress", tree, "-o", f"{wav.parent / 'folder.idf'}/").status == 0
    assert (wav.parent / "folder.idf" / "a.idf").exists()


def test_a_batch_goes_on(idf: Idf, tree: Path) -> None:
    assert idf("-q", tree / "a.wav").status == 0
    stamp = (tree / "a.idf").stat().st_mtime_ns, (tree / "a.idf").stat().st_ino
    done = idf("compress", "--skip-existing", "-v", tree)
    assert done.status == 0
    assert done.err.splitlines()[-1].startswith("1 done, 1 skipped, 0 failed; 6044 B before, ")
    assert f"{tree / 'a.wav'}: skipped, {tree / 'a.idf'} exists" in done.err
    assert ((tree / "a.idf").stat().st_mtime_ns, (tree / "a.idf").stat().st_ino) == stamp
    back = idf("decompress", "--skip-existing", tree)
    assert (back.status, back.err.splitlines()[-1][:27]) == (0, "0 done, 2 skipped, 0 failed")
    assert idf("compress", "--skip-existing", "--force", tree).status == 2


def test_json_of_every_file(idf: Idf, tree: Path, wav: Path) -> None:
    (tree / "bad.wav").write_text("no sound")
    shutil.copy(wav, tree / "c.wav")
    idf("-q", tree / "c.wav")
    done = idf("compress", "--json", "--skip-existing", tree)
    assert done.status == 1
    facts = {Path(line["file"]).name: line for line in map(json.loads, done.out.splitlines())}
    assert {name: line["status"] for name, line in facts.items()} == {
        **{"a.wav": "done", "b.BWF": "done"},
        **{"bad.wav": "failed", "c.wav": "skipped"},
    }
    assert "not a WAV, AIFF" in facts["bad.wav"]["error"]
    assert (facts["a.wav"]["bytes_before"], facts["a.wav"]["samples"]) == ((tree / "a.wav").stat().st_size, 3000)
    assert facts["a.wav"]["bytes_after"] == (tree / "a.idf").stat().st_size
    assert facts["a.wav"]["target"] == str(tree / "a.idf")
    (tree / "bad.idf").write_text("no")
    checked = idf("verify", "--json", tree)
    lines = [json.loads(line) for line in checked.out.splitlines()]
    assert [line["status"] for line in lines] == ["done", "failed", "done", "done"]
    assert idf("compress", "--json", "-c", wav).status == 2


def test_verify_says_ok_or_what_is_wrong(idf: Idf, tree: Path) -> None:
    idf("-q", tree)
    (tree / "bad.idf").write_text("no")
    done = idf("verify", tree)
    assert done.status == 1
    assert done.out.decode().splitlines() == [
        f"{tree / 'a.idf'}: OK",
        f"{tree / 'bad.idf'}: this is not an idf file",
        f"{tree / 'deep' / 'b.idf'}: OK",
    ]
    assert done.err.splitlines()[-1].startswith("2 done, 0 skipped, 1 failed; ")
    quiet = idf("verify", "-q", tree)
    assert (quiet.status, quiet.out, quiet.err) == (1, b"", f"error: {tree / 'bad.idf'}: this is not an idf file\n")


def test_control_characters_in_names_are_escaped(idf: Idf, wav: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd\x1b[31mname\n"
    folder.mkdir()
    shutil.copy(wav, folder / "a\rb.wav")
    soundfile.write(folder / "c.wav", np.zeros(5), 8000, subtype="DOUBLE")
    done = idf("compress", "-v", folder)
    assert done.status == 1
    (folder / "bad.idf").write_text("no")
    shown = done.err + idf("verify", folder).out.decode() + idf("info", folder).out.decode()
    assert "a\\rb.wav" in shown
    assert "odd\\x1b[31mname\\n" in shown
    assert not set(shown) & set("\x1b\r")


def test_files_coded_two_at_once_are_those_of_each_alone(idf: Idf, tmp_path: Path) -> None:
    """Lengths and channels differ, some files have several blocks, and one is damaged afterwards."""
    rng = np.random.default_rng(1)
    together, alone = tmp_path / "together", tmp_path / "alone"
    for folder in (together, alone):
        folder.mkdir()
    for number, shape in enumerate([(3000,), (9000, 2), (50,), (9000,), (2500, 2), (4000,)]):
        sound = np.cumsum(rng.normal(0, 50, shape), axis=0).clip(-30000, 30000).astype(np.int16)
        soundfile.write(together / f"{number}.wav", sound, 8000)
    sources = sorted(together.glob("*.wav"))
    assert idf("compress", "-q", "--model", FAST, "--block", "0.5", together).status == 0
    for source in sources:
        packed = alone / f"{source.stem}.idf"
        assert idf("compress", "-q", "--model", FAST, "--block", "0.5", source, "-o", packed).status == 0
        assert packed.read_bytes() == (together / packed.name).read_bytes(), source.name
    hurt = together / "3.idf"
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 1
    hurt.write_bytes(data)
    done = idf("decompress", "--model", FAST, together, "-o", tmp_path / "back")
    assert (done.status, f"{hurt}: the block of samples" in done.err) == (1, True)
    for source in sources:
        back = tmp_path / "back" / source.name
        assert back.read_bytes() == source.read_bytes() if source.stem != "3" else not back.exists()


class Slow:
    """A codec that interrupts the command when others wait for its first call, which ends once the codec is closed."""

    fingerprint, chunk_samples, joins_channels, max_low_bits = bytes(16), 1000, False, 0
    calls = 0
    shared: Any = None
    thread: int | None = None
    """The thread that receives the signal; by default the one that encodes."""

    def encode(self, samples: np.ndarray) -> bytes:
        self.calls += 1
        if self.calls == 1:
            while len(self.shared._waiting) < 3:
                time.sleep(0.02)
            signal.pthread_kill(self.thread or threading.get_ident(), signal.SIGINT)
        for _ in range(300):
            if self.shared._is_closed:
                break
            time.sleep(0.02)
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("thread", [threading.main_thread().ident, None], ids=["main", "another"])
def test_ctrl_c_waits_for_no_other_block_than_those_in_progress(wav: Path, tmp_path: Path, thread: int | None) -> None:
    codec = Slow()
    codec.thread = thread

    def work(task: Task, blocks: int, processes: Processes, report: Report) -> Size:
        codec.shared = processes(codec)  # type: ignore[arg-type]
        for _ in ordered_map(codec.shared.encode, [np.zeros((3, 1))] * 6, blocks):
            pass
        raise AssertionError("not interrupted")

    plan = Plan([Task(wav, tmp_path / "x.idf")])
    arguments = Namespace(jobs=1, command="compress", quiet=True, verbose=False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            do_all("compressing", plan, work, arguments)
    finally:
        signal.signal(signal.SIGINT, before)
    assert codec.calls == 1
