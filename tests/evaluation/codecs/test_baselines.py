from __future__ import annotations

import pytest

from idf.evaluation.codecs import flac
from idf.evaluation.codecs.baselines import BASELINES, find_baselines


@pytest.fixture
def flac_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flac, "_command_version", lambda: "flac 9.9")


@pytest.mark.usefixtures("flac_command")
def test_flac_at_the_models_window() -> None:
    entries, not_made = find_baselines(["flac", "flac-1024", "flac-window"], [256])
    assert [entry.window for entry in entries] == [4096, 1024, 256]
    assert not not_made


@pytest.mark.usefixtures("flac_command")
def test_flac_at_the_windows_of_several_models() -> None:
    entries, _ = find_baselines(["flac-window", "flac-exhaustive"], [256, 16384])
    assert [entry.codec for entry in entries] == [
        *("FLAC -8 -b 256", "FLAC -8 -b 16384 --lax"),
        *("FLAC -8 -e -p -b 256", "FLAC -8 -e -p -b 16384 --lax"),
    ]


@pytest.mark.usefixtures("flac_command")
@pytest.mark.parametrize("window", [1024, 4096])
def test_a_window_that_is_another_rows_block_gives_one_row(window: int) -> None:
    entries, _ = find_baselines(["flac", "flac-1024", "flac-window"], [window])
    assert [entry.window for entry in entries] == [4096, 1024]


def test_every_baseline_is_made_or_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    entries, not_made = find_baselines(list(BASELINES), [256])
    assert len(entries) + len(not_made) == len(BASELINES)
    assert {"FLAC -8", "TTA", "ALAC"} <= {entry.codec for entry in entries}
    assert all(row.reason and row.remedy for row in not_made)
    assert {"Sac --normal", "OptimFROG preset 5"} <= {row.codec for row in not_made}
