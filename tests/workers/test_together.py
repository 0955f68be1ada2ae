"""Two calls of a codec at once: which run together, one call at a time, and errors of one of two."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from idf.errors import FormatError
from idf.workers.together import Together

DAMAGED = b"damaged"


class Counting:
    """A codec whose messages are the samples as bytes. It records the number of runs in each call.

    Attributes:
        gate: calls wait until it is open.
    """

    fingerprint, chunk_samples, joins_channels, max_low_bits = bytes(16), 1000, False, 8

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self._running = 0

    def encode(self, samples: np.ndarray) -> bytes:
        return self._call("encode", [samples.tobytes()])[0]

    def encode_together(self, runs: Sequence[np.ndarray]) -> list[bytes]:
        return self._call("encode", [samples.tobytes() for samples in runs])

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        (result,) = self.decode_together([(data, count, channels)])
        if isinstance(result, FormatError):
            raise result
        return result

    def decode_together(self, coded: Sequence[tuple[bytes, int, int]]) -> list[np.ndarray | FormatError]:
        return self._call("decode", [self._decoded(*each) for each in coded])

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        return self._call("encode_wide", [highs.tobytes()])[0]

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._call("decode_wide", [(low_bits, low_bits)])[0]

    def _decoded(self, data: bytes, count: int, channels: int) -> np.ndarray | FormatError:
        return FormatError("damaged") if data == DAMAGED else np.frombuffer(data, np.int32).reshape(count, channels)

    def _call(self, way: str, results: list[Any]) -> list[Any]:
        assert self._running == 0, "two calls at once"
        self._running += 1
        assert self.gate.wait(60)
        self.calls.append((way, len(results)))
        self._running -= 1
        return results


def run(value: int) -> np.ndarray:
    return np.full((3, 1), value, np.int32)


def queued(together: Together, count: int) -> None:
    """Wait until ``count`` calls wait for their turn."""
    for _ in range(6000):
        if len(together._waiting) == count:
            return
        time.sleep(0.01)
    raise AssertionError("waited for a minute in vain")


def started(pool: ThreadPoolExecutor, together: Together, *calls: tuple[Any, ...]) -> list[Future[Any]]:
    """Make calls in this order: the first runs, the others wait."""
    futures = []
    for number, (way, *arguments) in enumerate(calls):
        futures.append(pool.submit(getattr(together, way), *arguments))
        if number:
            queued(together, number)
        else:
            for _ in range(6000):
                if together._is_busy:
                    break
                time.sleep(0.01)
    return futures


def test_waiting_calls_of_a_kind_run_in_twos_and_get_their_own_results() -> None:
    codec = Counting()
    together = Together(codec)
    with ThreadPoolExecutor(8) as pool:
        calls: list[tuple[Any, ...]] = [("encode", run(value)) for value in range(4)]
        calls += [("decode", run(value).tobytes(), 3, 1) for value in (7, 8)]
        futures = started(pool, together, *calls)
        codec.gate.set()
        results = [future.result() for future in futures]
    assert results[:4] == [run(value).tobytes() for value in range(4)]
    assert [int(samples[0, 0]) for samples in results[4:]] == [7, 8]
    assert codec.calls == [("encode", 1), ("encode", 2), ("encode", 1), ("decode", 2)]


def test_a_damaged_message_fails_alone() -> None:
    codec = Counting()
    together = Together(codec)
    with ThreadPoolExecutor(8) as pool:
        futures = started(
            pool, together, ("encode", run(0)), ("decode", DAMAGED, 3, 1), ("decode", run(5).tobytes(), 3, 1)
        )
        codec.gate.set()
        with pytest.raises(FormatError, match="damaged"):
            futures[1].result()
        assert np.array_equal(futures[2].result(), run(5))
    assert codec.calls[-1] == ("decode", 2)


def test_calls_that_cannot_be_joined_run_one_by_one() -> None:
    codec = Counting()
    together = Together(codec)
    wide = run(1), run(2), np.zeros((1, 1), np.int64)
    with ThreadPoolExecutor(8) as pool:
        futures = started(
            pool, together, ("encode_wide", *wide), ("encode_wide", *wide), ("decode_wide", b"", 3, run(0))
        )
        codec.gate.set()
        assert futures[0].result() == futures[1].result() == run(1).tobytes()
        assert len(futures[2].result()) == 2
    assert codec.calls == [("encode_wide", 1), ("encode_wide", 1), ("decode_wide", 1)]


def test_an_error_of_the_codec_reaches_both_callers() -> None:
    codec = Counting()

    def fails(runs: Sequence[np.ndarray]) -> list[bytes]:
        raise ValueError("a fault of the codec")

    codec.encode_together = fails  # type: ignore[method-assign]
    together = Together(codec)
    with ThreadPoolExecutor(8) as pool:
        futures = started(pool, together, *(("encode", run(value)) for value in range(3)))
        codec.gate.set()
        assert futures[0].result() == run(0).tobytes()
        for future in futures[1:]:
            with pytest.raises(ValueError, match="a fault of the codec"):
                future.result()
    assert together.encode(run(9)) == run(9).tobytes()


def test_a_patient_codec_waits_for_a_second_call_but_not_for_long() -> None:
    codec = Counting()
    codec.gate.set()
    patient = Together(codec, patience=0.5)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(patient.encode, [run(1), run(2)])) == [run(1).tobytes(), run(2).tobytes()]
    assert codec.calls == [("encode", 2)]
    begun = time.monotonic()
    patient.encode(run(3))
    assert 0.5 <= time.monotonic() - begun < 30


def test_closing_ends_the_calls_that_wait() -> None:
    codec = Counting()
    together = Together(codec)
    with ThreadPoolExecutor(8) as pool:
        first, second = started(pool, together, ("encode", run(0)), ("encode", run(1)))
        together.close()
        with pytest.raises(RuntimeError, match="closed"):
            second.result()
        codec.gate.set()
        assert first.result() == run(0).tobytes()
    with pytest.raises(RuntimeError, match="closed"):
        together.encode(run(2))
