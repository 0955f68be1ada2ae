"""The shipped model file of the turbo flow equals the output of its tool."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_turbo import main

from idf.errors import ConfigError
from idf.models.registry import find_model, read_card


def test_the_shipped_file_is_made_again(tmp_path: Path) -> None:
    assert main([str(tmp_path / "turbo.idfm")]) == 0
    made, shipped = read_card(tmp_path / "turbo.idfm"), read_card(find_model("turbo"))
    assert made.fingerprint == shipped.fingerprint
    assert made.provenance["command"] == "python tools/build_turbo.py turbo.idfm"


def test_other_settings_make_another_model(tmp_path: Path) -> None:
    main([str(tmp_path / "other.idfm"), "near_order=16", "filter_orders=[512, 32, 16]"])
    assert read_card(tmp_path / "other.idfm").fingerprint != read_card(find_model("turbo")).fingerprint


@pytest.mark.parametrize("word", ["near_ordr=9", "near_order=many", "near_order=9"])
def test_invalid_settings_are_rejected(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigError, match="near_ord"):
        main([str(tmp_path / "other.idfm"), word])
    assert not (tmp_path / "other.idfm").exists()
