"""The page of a run: its content, and input that could break it."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from idf.audio.pcm import Pcm
from idf.datasets.dataset import Clip, Dataset
from idf.errors import RunError
from idf.evaluation.report.example_clip import ExampleClip, make_example_clip, steps_by_bits, typical_clip
from idf.evaluation.report.html import write_page
from idf.evaluation.report.sounds import Sounds
from idf.evaluation.results import Results
from idf.runs.run import RunFolder
from tests.blockwise_fake import Interlaced

NASTY = "<script>alert('&\"')</script>"
MakePage = Callable[..., str]


class Outline(html.parser.HTMLParser):
    """Checks that elements are closed in order, and collects their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "hr", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("blocks", [0, 11])
def test_the_page_is_self_contained_and_accessible(make_page: MakePage, blocks: int) -> None:
    text = make_page(blocks)
    outline = Outline(text)
    assert len(text) < 3e6
    assert not outline.all("script")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 8
    for tag, attributes in outline.found:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("#", "data:")), (tag, name)
    ids = [attributes["id"] for _, attributes in outline.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(attributes["href"] or "")[1:] for attributes in outline.all("a")}
    assert links <= set(ids)
    assert ("latents" in links, "progressive" in links) == (blocks > 0, blocks > 0)
    assert "rate" in links
    for attributes in [*outline.all("svg"), *outline.all("audio")]:
        assert attributes["aria-label"]
    # all clips, the example clip, the audio drawn from the model, and the first blocks
    assert len(outline.all("audio")) == 5 if not blocks else 9 <= len(outline.all("audio")) <= 11
    assert "Compression ratio over optimiser steps" in text
    assert all(attributes.get("scope") for attributes in outline.all("th"))
    assert "python train.py" in text
    assert "python evaluate.py" in text


def test_the_same_evaluation_gives_the_same_page(make_page: MakePage) -> None:
    assert make_page(0) == make_page(0)


def test_a_run_with_nothing_but_a_model(
    page_results: Results, page_dataset: Dataset, page_sounds: Sounds, tmp_path: Path
) -> None:
    alone = dataclasses.replace(page_results, rows=page_results.rows[:1], not_made=(), warnings=(), about={})
    run = RunFolder(tmp_path / "empty")
    example = make_example_clip(Interlaced(), page_dataset, page_dataset.test, alone)
    text = write_page(alone, run, example, page_sounds, tmp_path / "out").read_text()
    Outline(text)
    assert 'id="training"' not in text
    assert "<p>Commands</p>" not in text


def test_only_the_beginning_of_the_typical_clip_is_shown(
    page_results: Results, fakes: ModuleType, page_dataset: Dataset
) -> None:
    assert typical_clip(page_results) == 1
    codec = Interlaced()
    long = fakes.speech_like(7 * 800)

    class Long(Dataset):
        def read(self, clip: Clip) -> Pcm:
            return Pcm(long, 800)

    example = make_example_clip(
        codec, Long("set", "split", 800, (), (), page_dataset.test), page_dataset.test, page_results
    )
    assert example.coded.name == NASTY
    assert len(example.coded.samples) == 4800
    assert example.seconds == 7
    assert [step.blocks for step in example.steps] == [1, 2, 3, 4]
    assert np.array_equal(example.steps[-1].samples, example.coded.samples)
    assert [step.blocks for step in example.heard] == [1, 2, 3]
    assert isinstance(example, ExampleClip)


def test_a_codec_that_gives_no_approximations_has_no_players(page_results: Results, page_dataset: Dataset) -> None:

    class Whitened(Interlaced):  # type: ignore[misc, valid-type]
        def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
            raise RunError("a whitened model gives no approximations")

    example = make_example_clip(Whitened(), page_dataset, page_dataset.test, page_results)
    assert len(example.coded.blocks) == 4
    assert example.steps == ()


def test_short_clips_are_shown_only_where_there_are_no_others(page_results: Results) -> None:
    [records, _] = page_results.per_clip.values()
    short = tuple(record | {"samples": 40, "bytes": 43 + number} for number, record in enumerate(records))
    name = page_results.rows[0].codec
    assert typical_clip(dataclasses.replace(page_results, per_clip={name: short})) == 1
    assert typical_clip(dataclasses.replace(page_results, per_clip={name: (*short, records[0])})) == 3


def test_steps_are_even_in_bits() -> None:
    assert steps_by_bits([1.0, 2.0, 3.0], 9) == [1, 2, 3]
    steps = steps_by_bits([0.1] * 16 + [1.0] * 15, 6)
    assert steps[0] == 1
    assert steps[-1] == 31
    assert len(steps) == 6
    assert all(step > 16 for step in steps[1:])


def test_with_many_clips_the_extremes_are_listed_and_all_have_players(
    page_results: Results, page_sounds: Sounds
) -> None:
    from idf.evaluation.report.result_sections import clips

    [name, *_] = page_results.per_clip
    record = page_results.per_clip[name][0]
    many = tuple(record | {"name": f"clip{number}", "bytes": 5000 + number} for number in range(150))
    sounds = Sounds((page_sounds.drawn,) * 150, 0.5, page_sounds.drawn)
    text = clips(dataclasses.replace(page_results, rows=page_results.rows[:1], per_clip={name: many}), sounds)
    assert text.count("<audio") == 150
    assert "Only the first 0.5 seconds of each clip" in text
    text = text[: text.index("<details>")]
    assert len(re.findall("clip[0-9]+", text)) == 100
    assert "50 clips with the fewest and 50 with the most bits per sample; results.json has all 150" in text
    assert "clip49<" in text
    assert "clip50<" not in text
    assert "clip100<" in text
