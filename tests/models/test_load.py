"""Model files of every family: written, opened, and refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from idf.errors import ConfigError, RunError
from idf.models.load import load_codec
from tests.models.small import CONFIGS, FAMILIES, save_small

EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)


@EVERY_FAMILY
def test_provenance_travels_with_the_model(tmp_path: Path, family: str) -> None:
    path = save_small(tmp_path / "m.idfm", CONFIGS[family](), provenance={"run": "test", "step": 3})
    assert load_codec(path).provenance == {"run": "test", "step": 3}


@EVERY_FAMILY
def test_weights_that_are_not_finite_are_not_exported(tmp_path: Path, family: str) -> None:
    def spoiled(parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        name = list(parameters)[-1]
        return parameters | {name: np.full_like(parameters[name], np.nan)}

    with pytest.raises(RunError, match="not finite"):
        save_small(tmp_path / "m.idfm", CONFIGS[family](), parameters=spoiled)
    assert not list(tmp_path.iterdir())


@EVERY_FAMILY
@pytest.mark.parametrize("damage", ["cut", "text", "empty", "foreign"])
def test_damaged_model_files_are_named(tmp_path: Path, family: str, damage: str) -> None:
    path = save_small(tmp_path / "m.idfm", CONFIGS[family]())
    whole, foreign = path.read_bytes(), io.BytesIO()
    np.savez(foreign, x=np.zeros(3))
    path.write_bytes(
        {"cut": whole[: len(whole) // 2], "text": b"hello", "empty": b"", "foreign": foreign.getvalue()}[damage]
    )
    with pytest.raises(RunError, match=r"m\.idfm"):
        load_codec(path)


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="train a model first"):
        load_codec(tmp_path / "none.idfm")


@pytest.mark.parametrize("family", ["bands", "adaptive"])
def test_flows_that_predict_sample_by_sample_code_with_rans_only(tmp_path: Path, family: str) -> None:
    path = save_small(tmp_path / "m.idfm", CONFIGS[family]())
    with pytest.raises(ConfigError, match="rans"):
        load_codec(path, "craystack")
