"""At first use, missing loops are compiled before they are needed, and one line reports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.cli import ready
from idf.cli.main import main
from idf.compiled import Loop, NotCompiled
from idf.compiled.arguments import Signature, flatten
from idf.errors import FormatError


class Codec:
    """A codec that counts as compiled after its first use outside a check."""

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint, self.chunk_samples, self.joins_channels = fingerprint, 1 << 19, True
        self.compiled: list[str] = []
        self.may_compile = True

    def encode(self, samples: np.ndarray) -> bytes:
        self._run("encode")
        return b""

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        self._run("decode")
        raise FormatError("not a message of this codec")

    def _run(self, way: str) -> None:
        from idf.compiled.functions import _only_kept

        if way not in self.compiled:
            if _only_kept.get():
                raise NotCompiled(way)
            self.compiled.append(way)


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "_cores", lambda: 1)
    monkeypatch.setattr(ready, "_ready", set())


def test_missing_loops_are_compiled_and_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    codec = Codec(b"one")
    assert ready.make_ready(codec, ("decode",))
    assert codec.compiled == ["decode"]
    assert capsys.readouterr().err.count("compiling loops once for this machine") == 1
    assert ready.make_ready(codec, ready.WAYS, quiet=True)
    assert codec.compiled == ["decode", "encode"]
    assert not ready.make_ready(codec, ready.WAYS)
    assert capsys.readouterr().err == ""


def test_without_a_cache_folder_the_call_itself_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IDF_CACHE", str(tmp_path / "file" / "below"))
    codec = Codec(b"two")
    assert ready.make_ready(codec, ready.WAYS)
    assert not codec.compiled
    assert "compiling" in capsys.readouterr().err
    assert main(["warm-up"]) == 2
    assert "IDF_CACHE=FOLDER" in capsys.readouterr().err


def test_warm_up_of_given_models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    codec = Codec(b"three")
    monkeypatch.setattr(ready.registry, "load_model", lambda path: codec)
    assert main(["warm-up", "fast"]) == 0
    assert capsys.readouterr().out.startswith("fast: compiled\nstored in ")
    assert sorted(codec.compiled) == ["decode", "encode"]
    assert main(["warm-up", "fast"]) == 0
    assert capsys.readouterr().out.startswith("fast: ready\n")
    assert main(["warm-up", "nothing"]) == 2


@pytest.mark.parametrize("name", ["flow-small", "channelwise"])
def test_every_loop_of_a_window_flow_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: set[tuple[str, Signature]] = set()
    call = Loop.__call__

    def recorded(loop: Loop, *arguments: Any) -> int:
        called.add((loop.__qualname__, flatten(arguments)[0]))
        return call(loop, *arguments)

    codec = ready.registry.load_model(name)
    samples = np.random.default_rng(0).integers(-999, 999, (3000, 1)).astype(np.int32)
    message = codec.encode(samples)
    monkeypatch.setattr(Loop, "__call__", recorded)
    codec.encode(samples)
    codec.decode(message, *samples.shape)
    needed = called.copy()
    called.clear()
    for way in ready.WAYS:
        ready._use(codec, way)
    assert called == needed
