"""Properties of adaptive codecs beyond the law of all codecs (``tests/models/test_codec_law.py``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.errors import RunError
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.load import load_codec
from idf.models.registry import find_model
from tests.models.small import adaptive_config, rewritten, save_small


def test_a_copy_in_the_other_channel_costs_little() -> None:
    trained = load_codec(find_model("default"))
    assert isinstance(trained, AdaptiveCodec)
    one = np.random.default_rng(8).normal(0, 3000, (6000, 1)).astype(np.int32)
    single, double = trained.bits(one), trained.bits(np.concatenate([one, one], axis=1))
    assert double < 1.3 * single


def test_drawn_audio_depends_only_on_the_seed(codec: AdaptiveCodec) -> None:
    drawn = codec.draw(2000, seed=1)
    assert drawn.dtype == np.int32
    assert drawn.min() >= -32768
    assert drawn.max() <= 32767
    assert len(np.unique(drawn)) > 100
    np.testing.assert_array_equal(drawn, codec.draw(2000, seed=1))


@pytest.mark.parametrize("change", ["weights", "config", "infinite"])
def test_an_inconsistent_model_file_is_refused(tmp_path: Path, change: str) -> None:
    def spoil(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        weights = arrays["parameter/network"]
        if change == "weights":
            arrays["parameter/network"] = weights[:-1]
        elif change == "infinite":
            arrays["parameter/network"] = np.full_like(weights, np.float32(np.inf).view(np.int32))
        else:
            header["config"]["model"]["adaptive"]["stages"] = 10**9

    path = rewritten(save_small(tmp_path / "small.idfm", adaptive_config()), spoil)
    with pytest.raises(RunError, match=r"small\.idfm"):
        load_codec(path)
