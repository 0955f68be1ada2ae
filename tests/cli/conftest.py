"""A frozen tiny model as the only model, and the command called in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.cli import main
from idf.cli.ready import WAYS, make_ready
from idf.models import registry
from idf.models.load import load_codec
from tests.paths import TINY


@dataclass(frozen=True)
class Result:
    status: int
    out: bytes
    err: str


class Stream(io.TextIOWrapper):
    """Standard input or output of a command called in this process; never a terminal."""

    def __init__(self, data: bytes = b"") -> None:
        self.content = io.BytesIO(data)
        super().__init__(io.BufferedRandom(self.content), encoding="utf-8", write_through=True)  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Make messages independent of whether loops had to be compiled."""
    for model in (TINY, registry.SHIPPED / "bands-small.idfm"):
        make_ready(load_codec(model), WAYS, quiet=True)


@pytest.fixture
def idf(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def call(*arguments: object, stdin: bytes = b"") -> Result:
        streams = {name: Stream(stdin if name == "stdin" else b"") for name in ("stdin", "stdout", "stderr")}
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            try:
                status = main([str(argument) for argument in arguments])
            except SystemExit as end:
                status = int(end.code or 0)
            for stream in streams.values():
                stream.flush()
        return Result(status, streams["stdout"].content.getvalue(), streams["stderr"].content.getvalue().decode())

    return call


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, (3000 * np.sin(np.arange(3000) / 9)).astype(np.int16), 8000)
    return path
