"""The compiled loops of coding compute the same numbers as the formulas that training differentiates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from idf.arithmetic import Result
from idf.arithmetic.exact import Exact
from idf.models.registry import find_model, load_model
from idf.models.window.codec import WindowCodec


class Formulas(Exact):
    """The arithmetic of coding, with formulas only."""

    def fused(self, formula: Callable[..., Result], compiled: Callable[..., Result], *arguments: Any) -> Result:
        return formula(self, *arguments)


@pytest.mark.parametrize("name", ["flow-small", "flow-large", "channelwise"])
def test_loops_compute_the_formulas_bit_for_bit(name: str) -> None:
    codec = load_model(find_model(name))
    assert isinstance(codec, WindowCodec)
    rng = np.random.default_rng(0)
    length = 4 * codec.model.multiple
    windows = rng.normal(size=(5, length)).cumsum(1).round() * 20
    windows[1], windows[2, ::2], windows[3] = 0.0, 32767.0, rng.integers(-32768, 32768, length)
    windows = np.clip(windows, -32768, 32767)
    ours, formulas = (
        list(codec.model.blocks(a, codec.parameters, windows, codec.log_scale)) for a in (Exact(), Formulas())
    )
    assert len(ours) == len(formulas) > 16
    for one, other in zip(ours, formulas, strict=True):
        assert np.array_equal(one.latents, other.latents), one.name
        for field in ("logits", "means", "octaves"):
            assert np.array_equal(getattr(one.mixture, field), getattr(other.mixture, field)), (one.name, field)
