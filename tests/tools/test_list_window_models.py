"""The list of window models matches the shipped files."""

from __future__ import annotations

import csv
import hashlib

from list_window_models import MODELS, model_rows

from idf.config.compose import compose
from idf.models.registry import SHIPPED
from tests.paths import ROOT

TOOLS = ROOT / "tools"
LARGEST = 8 << 20


def test_the_list_is_that_of_the_files() -> None:
    with (TOOLS / "window_models.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [row["model"] for row in listed] == list(MODELS)
    assert [{key: str(value) for key, value in row.items()} for row in model_rows()] == listed
    for row in listed:
        path = SHIPPED / f"{row['model']}.idfm"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        assert path.stat().st_size < LARGEST


def test_commands_compose() -> None:
    for row in model_rows():
        words = str(row["command"]).split()[2:]
        config = compose(words)
        layout = str(row["model"]).partition("-")[0]
        assert (config.layout.name, config.model.window) == (layout, row["window"])


def test_no_test_clip_was_trained_on() -> None:
    with (TOOLS / "window_clips.csv").open(encoding="utf-8", newline="") as file:
        clips = {row["clip"]: row["use"] for row in csv.DictReader(file)}
    assert set(clips.values()) == {"train", "validate"}
    assert max(clips) == "LJ001-0024"
