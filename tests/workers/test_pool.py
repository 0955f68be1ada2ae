"""Codecs in worker processes: the same bytes, and what happens when a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.audio.format import AudioFormat
from idf.container.arrays import compress_array, decompress_array
from idf.errors import FormatError, RunError, WorkerError
from idf.models.load import load_codec
from idf.models.window.codec import WindowCodec
from idf.workers.pool import ProcessCodec, Processes
from tests.paths import TINY

FORMAT = AudioFormat(8000, 2, 16)
SAMPLES = np.random.default_rng(0).integers(-300, 300, (150_000, 2)).astype(np.int32)


@pytest.fixture(scope="module")
def tiny() -> WindowCodec:
    codec = load_codec(TINY)
    assert isinstance(codec, WindowCodec)
    return codec


@pytest.fixture(scope="module")
def shared(tiny: WindowCodec) -> Iterator[Any]:
    with Processes(2) as processes:
        yield processes(tiny)


class Slow:
    """A codec that takes a given time and returns its process id."""

    fingerprint, chunk_samples, joins_channels, max_low_bits = bytes(16), 1000, False, 0

    def encode(self, samples: np.ndarray) -> bytes:
        time.sleep(float(samples[0, 0]))
        return str(os.getpid()).encode()

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        raise ValueError("a fault of the codec")

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        return np.concatenate([highs, lows, low_bits]).tobytes()

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full((count, 1), len(data)), low_bits


def seconds(value: int) -> np.ndarray:
    return np.full((1, 1), value, np.int32)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited for a minute in vain")


def is_gone(number: int) -> bool:
    """Return whether the process no longer exists."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_same_bytes_as_in_one_process(tiny: WindowCodec, shared: Any) -> None:
    data = compress_array(tiny, SAMPLES, FORMAT)
    assert compress_array(shared, SAMPLES, FORMAT, jobs=2) == data
    decoded, audio_format = decompress_array(shared, data, jobs=2)
    np.testing.assert_array_equal(decoded, SAMPLES)
    assert audio_format == FORMAT


def test_errors_are_those_of_the_codec(shared: Any) -> None:
    with pytest.raises(FormatError, match="a message of 1 lane") as caught:
        shared.decode(b"short", 100, 1)
    assert "in a worker process" in caught.value.__notes__[0]
    samples = np.arange(100, dtype=np.int32)[:, None]
    np.testing.assert_array_equal(shared.decode(shared.encode(samples), 100, 1), samples)


def test_low_bits_go_along() -> None:
    with Processes(2) as processes:
        codec: Any = processes(Slow())  # type: ignore[arg-type]
        one, two, three = (np.full((2, 1), value) for value in (1, 2, 3))
        assert codec.encode_wide(one, two, three) == np.array([1, 1, 2, 2, 3, 3]).tobytes()
        highs, lows = codec.decode_wide(b"abc", 4, three)
        np.testing.assert_array_equal(highs, np.full((4, 1), 3))
        np.testing.assert_array_equal(lows, three)


def test_one_job_needs_no_process() -> None:
    with Processes(1) as processes:
        codec = processes(Slow())  # type: ignore[arg-type]
        assert codec.encode(seconds(0)) == str(os.getpid()).encode()
        assert processes(Slow()) is codec  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="closed"):
        codec.encode(seconds(0))


def test_processes_are_started_as_needed_kept_and_ended() -> None:
    with Processes(3) as processes:
        codec = processes(Slow())  # type: ignore[arg-type]
        assert processes(Slow()) is codec  # type: ignore[arg-type]
        first = codec.encode(seconds(0))
        assert codec.encode(seconds(0)) == first
        with ThreadPoolExecutor(5) as pool:
            used = set(pool.map(codec.encode, [seconds(1)] * 5))
        assert first in used
        assert 1 < len(used) <= 3
    assert all(is_gone(int(number)) for number in used)
    with pytest.raises(RuntimeError, match="have been stopped"):
        codec.encode(seconds(0))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_process_is_named_and_replaced() -> None:
    with Processes(2) as processes:
        codec = processes(Slow())  # type: ignore[arg-type]
        assert isinstance(codec, ProcessCodec)
        number = int(codec.encode(seconds(0)))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(codec.encode, seconds(60))
            wait_until(lambda: bool(codec._busy))
            os.kill(number, signal.SIGKILL)
            with pytest.raises(WorkerError, match=r"killed from outside \(SIGKILL\).* use fewer --jobs"):
                waiting.result()
        other = int(codec.encode(seconds(0)))
        assert other != number
        os.kill(other, signal.SIGKILL)  # killed while idle: nothing is lost
        wait_until(lambda: not codec._idle[0].is_alive)
        assert int(codec.encode(seconds(0))) not in (number, other)


def test_closing_does_not_wait_for_what_is_under_way() -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool, Processes(2) as processes:
        codec = processes(Slow())  # type: ignore[arg-type]
        assert isinstance(codec, ProcessCodec)
        waiting = pool.submit(codec.encode, seconds(600))
        wait_until(lambda: bool(codec._busy))
        processes.close()
        with pytest.raises(RuntimeError, match="have been stopped"):
            waiting.result()
    assert time.monotonic() - begun < 500


def test_faults_of_the_codec_keep_their_type_and_traceback() -> None:
    with Processes(2) as processes, pytest.raises(ValueError, match="a fault of the codec") as caught:
        processes(Slow()).decode(b"", 1, 1)  # type: ignore[arg-type]
    assert "in decode" in caught.value.__notes__[0]


def test_a_model_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.idfm"
    path.write_bytes(TINY.read_bytes())
    codec = load_codec(path)
    path.unlink()
    with Processes(2) as processes, pytest.raises(RunError, match=r"m\.idfm"):
        processes(codec).encode(np.zeros((5, 1), np.int32))


_PARENT = """
import sys, threading
import numpy as np
from idf.workers.pool import Processes
from idf.models.load import load_codec
codec = Processes(2)(load_codec(sys.argv[1]))
codec.encode(np.arange(100, dtype=np.int32)[:, None])
print(codec._idle[0]._process.pid, flush=True)
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_no_process_outlives_the_one_that_started_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(TINY)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.kill()
    parent.wait()
    wait_until(lambda: is_gone(worker))


def test_scripts_need_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, numpy as np, idf\n"
        "print('started')\n"
        "x = (np.arange(140_000) % 99).astype(np.int16)\n"
        "data = idf.compress(x, 8000, model=sys.argv[1], jobs=2)\n"
        "assert data == idf.compress(x, 8000, model=sys.argv[1])\n"
        "assert (idf.decompress(data, model=sys.argv[1], jobs=2)[0] == x).all()\n"
    )
    done = subprocess.run([sys.executable, str(script), str(TINY)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
