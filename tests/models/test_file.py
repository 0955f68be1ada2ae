"""Untrusted model files: any content quickly gives a model or a clear error."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idf.errors import RunError
from idf.models import file as model_file
from idf.models.file import read_model_file
from idf.models.load import load_codec
from tests.paths import TINY


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(TINY) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def npy(array: np.ndarray, **kind: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **kind)
    return file.getvalue()


def claiming(shape: str) -> bytes:
    """Return an array of a few bytes that claims to have another shape."""
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(8)


def with_header(**changes: Any) -> bytes:
    header = json.loads(np.load(io.BytesIO(members()["header.npy"])).tobytes())
    for name, value in changes.items():
        group, _, key = name.partition("__")
        if key:
            header["config"][group][key] = value
        else:
            header[group] = value
    return npy(np.frombuffer(json.dumps(header).encode(), np.uint8))


class Exploit:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was loaded",))


FIRST = next(name for name in members() if name.startswith("parameter/"))
HOSTILE = {
    "a huge shape": {FIRST: claiming("(1099511627776,)")},
    "a negative shape": {FIRST: claiming("(-2,)")},
    "a shape of many axes": {FIRST: claiming("(1, 1, 1, 1, 1, 1, 1, 1, 2)")},
    "a shape that overflows": {FIRST: claiming("(4294967296, 4294967296, 2)")},
    "a shape that is code": {FIRST: claiming("__import__('os').getpid()")},
    "a pickle": {FIRST: npy(np.array([Exploit()], object), allow_pickle=True)},
    "a bare pickle": {FIRST: pickle.dumps(Exploit())},
    "floats": {FIRST: npy(np.zeros(3))},
    "another shape": {FIRST: npy(np.zeros(3, np.int32))},
    "weights out of range": {FIRST: npy(np.full(np.load(io.BytesIO(members()[FIRST])).shape, -(2**31), np.int32))},
    "no header": {"header.npy": b""},
    "a header that is no JSON": {"header.npy": npy(np.frombuffer(b"{", np.uint8))},
    "a header that is a list": {"header.npy": npy(np.frombuffer(b"[]", np.uint8))},
    "a deep header": {"header.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))},
    "a config that is a list": {"header.npy": with_header(config=[])},
    "another format": {"header.npy": with_header(format=99)},
    "a huge net": {"header.npy": with_header(width__hidden=10**9)},
    "very many channels": {"header.npy": with_header(layout__channels=2**20)},
    "very many scales": {"header.npy": with_header(layout__scales=10**9)},
    "an unknown setting": {"header.npy": with_header(layout__sort="of")},
}


@pytest.mark.parametrize("parts", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused(tmp_path: Path, parts: dict[str, bytes]) -> None:
    path = write(tmp_path / "m.idfm", {**members(), **parts})
    tracemalloc.start()
    with pytest.raises(RunError, match=r"m\.idfm"):
        load_codec(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MAX_BYTES", 1 << 20)
    path = write(tmp_path / "m.idfm", {f"constant/{part}.npy": bytes(1 << 18) for part in range(5)})
    with pytest.raises(RunError, match="larger than any model"):
        read_model_file(path)


def test_many_members_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="larger than any model"):
        read_model_file(write(tmp_path / "m.idfm", {f"{n}.npy": b"" for n in range(10_001)}))


def test_a_changed_weight_gives_another_model(tmp_path: Path) -> None:
    array = np.load(io.BytesIO(members()[FIRST]))
    array.flat[0] ^= 1
    changed = load_codec(write(tmp_path / "m.idfm", {**members(), FIRST: npy(array)}))
    same = load_codec(write(tmp_path / "n.idfm", dict(reversed(members().items()))))
    assert changed.fingerprint != load_codec(TINY).fingerprint == same.fingerprint


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_noticed_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    whole = TINY.read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    path = tmp_path / "m.idfm"
    path.write_bytes(damaged[:cut])
    try:
        found = read_model_file(path).fingerprint
    except RunError:
        return
    assert found == read_model_file(TINY).fingerprint
