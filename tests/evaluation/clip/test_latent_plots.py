from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest

from idf.evaluation.clip.latent_plots import draw_bits, draw_latents, draw_quality, draw_scales
from idf.evaluation.clip.latents import CodedClip, look_into
from idf.evaluation.clip.progressive import Step, progressive_steps
from idf.page.svg import inline_svg
from idf.plotting import save_figure
from tests.blockwise_fake import Interlaced
from tests.collisions import collisions

SVG = "{http://www.w3.org/2000/svg}"
MakeClip = Callable[..., CodedClip]


@pytest.fixture
def make_clip(fakes: ModuleType) -> MakeClip:

    def make(blocks: int = 4, samples: np.ndarray | None = None) -> CodedClip:
        return look_into(Interlaced(blocks), "a", fakes.speech_like(4000) if samples is None else samples, 8000)

    return make


def texts(picture: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(picture).iter(f"{SVG}text")]


def test_figure_files_are_valid_and_reproducible(make_clip: MakeClip, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    clip = make_clip()
    first, second = (save_figure(draw_bits(clip), tmp_path / place, "bits") for place in ("a", "b"))
    assert [path.name for path in first] == ["bits.svg", "bits.pdf", "bits.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    ET.parse(first[0])
    assert first[1].read_bytes().startswith(b"%PDF-")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("width", [3.6, 9.2])
def test_many_blocks_stay_readable(make_clip: MakeClip, width: float) -> None:
    clip = make_clip(11)
    latents = texts(inline_svg(draw_latents(clip, width), "n", "x"))
    assert sum(text.endswith("bits each") for text in latents) == 6
    assert any(text.startswith("base: one per 1024") for text in latents)
    assert any(text.startswith("z1: one per 2") for text in latents)
    bits = texts(inline_svg(draw_bits(clip, width), "n", "x"))
    assert sum("…" in text for text in bits) == 5
    names = texts(inline_svg(draw_scales(clip, width), "n", "x"))
    assert names.count("base") == 2


@pytest.mark.parametrize("width", [3.4, 3.6, 9.2])
@pytest.mark.parametrize("blocks", [4, 11])
def test_text_does_not_collide(make_clip: MakeClip, blocks: int, width: float) -> None:
    clip = make_clip(blocks)
    steps = progressive_steps(Interlaced(blocks), clip.samples, 8000)
    figures = [draw(clip, width) for draw in (draw_bits, draw_latents, draw_scales)]
    for figure in (*figures, draw_quality(steps, width)):
        assert collisions(figure) == []


def test_titles_end_within_a_column(make_clip: MakeClip) -> None:
    clip = make_clip(4)
    for draw in (draw_bits, draw_latents, draw_scales):
        figure = draw(clip, 3.4)
        figure.draw_without_rendering()
        for axes in figure.axes:
            assert axes.get_title(loc="left") == "" or axes._left_title.get_window_extent().x1 <= figure.bbox.x1


def test_a_legend_leaves_no_block_alone(make_clip: MakeClip) -> None:
    clip = make_clip(4)
    assert len(clip.blocks) == 4
    figure = draw_bits(clip)
    figure.draw_without_rendering()
    heights = {text.get_window_extent().y0 for text in figure.legends[0].get_texts()}
    assert len(heights) == 1


def test_a_codec_without_blocks_has_its_rate(fakes: ModuleType) -> None:
    samples = fakes.speech_like(4000)
    found = texts(inline_svg(draw_bits(CodedClip("a", 8000, samples, np.full(4000, 7.5))), "n", "x"))
    assert "bits per sample, averaged over 20 ms; mean 7.500" in found
    assert not any("latent" in text for text in found)


@pytest.mark.parametrize("samples", [np.zeros(1, np.int32), np.array([5, -5]), np.full(300, -32768)])
def test_very_short_clips_are_drawn(make_clip: MakeClip, samples: np.ndarray) -> None:
    clip = make_clip(4, samples)
    for draw in (draw_latents, draw_scales, draw_bits):
        ET.fromstring(inline_svg(draw(clip), "n", "x"))


@pytest.mark.parametrize("width", [3.6, 9.2])
def test_quality(fakes: ModuleType, width: float) -> None:
    codec = Interlaced()
    steps: list[Step] = progressive_steps(codec, fakes.speech_like(2000), 8000)
    assert steps[-1].snr_db == np.inf
    figure = draw_quality(steps, width)
    assert all(axes.get_ylim()[0] <= 0 for axes in figure.axes)
    found = texts(inline_svg(figure, "n", "x"))
    assert {"signal-to-noise ratio (higher is better)", "log-spectral distance (lower is better)"} <= set(found)


def test_a_figure_in_a_page(make_clip: MakeClip) -> None:
    clip = make_clip()
    one, other = (inline_svg(draw_bits(clip), name, 'of "a" <b>') for name in ("one", "other"))
    tree = ET.fromstring(one)
    assert tree.attrib["aria-label"] == 'of "a" <b>'
    assert tree.attrib["role"] == "img"
    assert "width" not in tree.attrib
    assert "var(--blue)" in one
    assert "currentColor" in one
    assert "#0072b2" not in one.lower()
    for leftover in ("<?xml", "<style", "<metadata", "DejaVu"):
        assert leftover not in one
    ids = [{part.attrib["id"] for part in ET.fromstring(svg).iter() if "id" in part.attrib} for svg in (one, other)]
    assert not ids[0] & ids[1]
    links = {value[1:] for part in tree.iter() for key, value in part.attrib.items() if key.endswith("}href")}
    assert {link for link in links if not link.startswith("ata:")} <= ids[0]
