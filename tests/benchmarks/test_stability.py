"""The stability run, shortened to seconds: it processes all signals, and it would detect a fault."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import stability
from benchmarks.stability import (
    Coding,
    copied,
    has_subnormals,
    problems,
    same,
    sampled,
    signals,
    step_of,
    watch,
)
from idf.errors import ConfigError
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.adaptive.state import first_state
from idf.models.adaptive.vectors import LANES
from idf.models.load import load_codec
from idf.models.registry import find_model


@pytest.fixture(scope="module")
def codec() -> AdaptiveCodec:
    codec = load_codec(find_model("fast"))
    assert isinstance(codec, AdaptiveCodec)
    return codec


@pytest.mark.parametrize("name", list(signals()))
def test_a_signal_continues_where_it_stopped(name: str) -> None:
    signal = signals()[name]
    whole = sampled(signal, 1000, 5000, np.random.default_rng(3))
    assert (whole.shape, whole.dtype) == ((5000, 1), np.int32)
    assert whole.min() >= -32768
    assert whole.max() <= 32767
    again = sampled(signal, 1000, 5000, np.random.default_rng(3))
    np.testing.assert_array_equal(whole, again)
    if "noise" not in name and name not in ("one-bit dither", "clicks"):
        np.testing.assert_array_equal(sampled(signal, 2200, 3800, np.random.default_rng(4)), whole[1200:])


def test_every_signal_follows_others_and_stays_long_in_its_turn() -> None:
    names = list("abcd")
    plan = list(stability.schedule(names, 20 * stability.STAY, 256, np.random.default_rng(0)))
    assert sum(length for _, length in plan) == 20 * stability.STAY
    assert all(length % 256 == 0 for _, length in plan)
    assert {name for name, length in plan if length == stability.STAY} == set(names)
    assert len({(one[0], other[0]) for one, other in itertools.pairwise(plan)}) > 8


def test_the_codec_continues_from_call_to_call(codec: AdaptiveCodec) -> None:
    """Two calls give the same result as one, in both loops, and the bits are those of the codec."""
    samples = sampled(signals()["speech"], 0, 4096, np.random.default_rng(0))
    place = 3 * step_of(codec.constants)
    whole, parts = (Coding(codec, first_state(codec.constants, 1)) for _ in range(2))
    bits = whole.bits(samples)
    np.testing.assert_array_equal(np.concatenate([parts.bits(samples[:place]), parts.bits(samples[place:])]), bits)
    assert same(whole.state, parts.state)
    assert bits.sum() + 1 == pytest.approx(codec.bits(samples))  # one bit signals that all values may occur
    watched = first_state(codec.constants, 1)
    for part in (samples[:place], samples[place:]):
        watch(part, codec.constants, watched)
    assert same(watched, whole.state)


def test_a_short_run_finds_nothing_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stability, "OUTPUTS", tmp_path)
    for name, value in (("SHORTEST", 10), ("LONGEST", 13), ("STAY", 1 << 14), ("LAST", 1 << 11)):
        monkeypatch.setattr(stability, name, value)
    monkeypatch.setattr(sys, "argv", ["stability", "--hours", "0.008"])
    assert stability.main() == 0
    out = capsys.readouterr().out
    assert "speech, faded" in out
    assert "no fault found" in out
    seen = json.loads((tmp_path / "stability-fast.json").read_text())
    assert seen["samples"] >= 0.008 * 3600 * stability.RATE_HZ
    assert sum(signal["samples"] for signal in seen["by_signal"].values()) == seen["samples"]
    assert seen["problems"] == []
    assert seen["old"]["noise, full scale"] == pytest.approx(seen["fresh"]["noise, full scale"], abs=0.5)


def test_a_fault_would_be_seen(codec: AdaptiveCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = codec.constants
    sound = first_state(constants, 1)
    assert problems(sound, constants) == []
    assert not has_subnormals(sound)
    assert has_subnormals(sound._replace(levels=np.full_like(sound.levels, 1e-310)))
    for change, words in (
        (lambda state: state.lms_weights.fill(np.nan), "lms_weights is not finite"),
        (lambda state: state.stages[0, 2 * LANES : 3 * LANES].fill(0), "an energy of 0 is below its floor"),
        (lambda state: state.stages[0, 6 * LANES : 7 * LANES].fill(1.1), "a conversion factor"),
        (lambda state: state.lms_energy.fill(-1), "lms_energy is negative"),
    ):
        state = copied(sound)
        change(state)
        assert [text for text in problems(state, constants) if words in text], words
        assert not same(state, sound)
    monkeypatch.setattr(stability, "same", lambda one, other: False)
    monkeypatch.setattr(stability, "LAST", 256)
    outcome = stability.run(codec, "fast", 1000)
    assert outcome.problems[0].endswith("the two loops are not in the same state")


def test_lattice_resets_are_counted(codec: AdaptiveCodec) -> None:
    state = first_state(codec.constants, 1)
    state.by_order[:] = 1e12
    assert watch(np.zeros((256, 1), np.int32), codec.constants, state)[0] == 1


def test_bad_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    for words, message in ((["--hours", "0"], "--hours"), (["--model", "bands-small"], "not an adaptive model")):
        monkeypatch.setattr(sys, "argv", ["stability", *words])
        with pytest.raises(ConfigError, match=message):
            stability.main()
