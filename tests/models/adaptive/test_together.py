"""Two runs coded together: the same bytes as one after the other, and no effect of one on the other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from idf.errors import FormatError
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.load import load_codec
from idf.models.registry import find_model
from tests.signals import speech

RNG = np.random.default_rng(11)
MONO = speech(700)[:, None].astype(np.int32)
RUNS = {
    "mono": MONO,
    "short": MONO[:130] // 3 + 5,
    "one sample": np.full((1, 1), -32768, np.int32),
    "stereo": np.stack([MONO[:400, 0], MONO[:400, 0] // 2 + RNG.integers(-9, 9, 400)], 1).astype(np.int32),
    "noise": RNG.integers(-32768, 32768, (300, 3)).astype(np.int32),
}


@pytest.fixture(scope="module", params=["random", "default"])
def joint(request: pytest.FixtureRequest, codec: AdaptiveCodec) -> AdaptiveCodec:
    if request.param == "random":
        return codec
    found = load_codec(find_model(request.param))
    assert isinstance(found, AdaptiveCodec)
    return found


@pytest.fixture(scope="module")
def alone(joint: AdaptiveCodec) -> dict[str, bytes]:
    return {name: joint.encode(samples) for name, samples in RUNS.items()}


def coded(name: str, data: bytes) -> tuple[bytes, int, int]:
    return data, *RUNS[name].shape  # type: ignore[return-value]


@pytest.mark.parametrize("names", list(itertools.product(RUNS, repeat=2)), ids=" and ".join)
def test_two_runs_have_the_bytes_of_each(joint: AdaptiveCodec, alone: dict[str, bytes], names: tuple[str, str]) -> None:
    assert joint.encode_together([RUNS[name] for name in names]) == [alone[name] for name in names]
    for name, samples in zip(names, joint.decode_together([coded(n, alone[n]) for n in names]), strict=True):
        assert isinstance(samples, np.ndarray)
        assert samples.dtype == np.int32
        np.testing.assert_array_equal(samples, RUNS[name])


def damaged(data: bytes) -> dict[str, bytes]:
    """Return a message without its end, with more than it needs, without its start, and an impossible one."""
    return {"cut": data[: len(data) // 8 * 4], "long": data + bytes(8), "beheaded": data[4:], "odd": data[:7]}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("how", ["cut", "long", "beheaded", "odd"])
@pytest.mark.parametrize("partner", ["short", "stereo"])
def test_a_damaged_message_does_not_affect_the_other(
    joint: AdaptiveCodec, alone: dict[str, bytes], partner: str, how: str, place: int
) -> None:
    pair = [coded(partner, alone[partner])]
    pair.insert(place, coded("mono", damaged(alone["mono"])[how]))
    results = joint.decode_together(pair)
    assert np.array_equal(results[1 - place], RUNS[partner])  # type: ignore[arg-type]
    with pytest.raises(FormatError) as error:
        joint.decode(*pair[place])
    assert isinstance(results[place], FormatError)
    assert str(results[place]) == str(error.value)


def test_two_damaged_messages_are_both_reported(joint: AdaptiveCodec, alone: dict[str, bytes]) -> None:
    bad = damaged(alone["mono"])
    for one, other in (("cut", "cut"), ("odd", "beheaded"), ("odd", "odd")):
        results = joint.decode_together([coded("mono", bad[one]), coded("mono", bad[other])])
        assert all(isinstance(result, FormatError) for result in results)
