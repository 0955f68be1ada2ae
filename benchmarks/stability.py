"""Numerical stability of the adaptive flow's predictors over ten hours of changing signals without a reset.

    python -m benchmarks.stability                               10 hours at 8 kHz through the fast model
    python -m benchmarks.stability --model default --hours 1     another model, another length

The codec resets its predictors in every block, so no file needs this. Here their state is carried from the first
sample to the last. Speech and more than twenty signals that are difficult for predictors (silence, full scale, pure
tones, clicks, noise, sudden changes …) follow each other in random order, usually for 0.5 to 65 seconds; each in
turn lasts 8.7 minutes. Two compiled loops process them:

* the codec's own, which gives the bits and the speed;
* a second one with the same prediction and learning steps, which checks every prediction. Both must be in the
  same state, bit for bit, after every piece.

Faults are non-finite numbers, energies below their floor, conversion factors outside [0, 1], and coding intervals
without width. The run also counts resets of lattices, and checks of the state that found subnormal numbers, which
are exact but slow on some processors.

At the end every signal is coded with the old state and with a fresh state: predictors that had degraded unnoticed
would need more bits.

The results are also written to ``outputs/bench/stability-MODEL.json``. The exit status is 1 if there was a fault.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from idf.coding.mixture import PRECISION
from idf.compiled import compiled_loop
from idf.datasets.demo import demo_folder
from idf.errors import ConfigError, run_main
from idf.files import atomic_write
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.adaptive.loops import LOOPS, make_streams
from idf.models.adaptive.state import Constants, State
from idf.models.adaptive.steps import _ASTRAY, LIMIT, centre, learn, predict
from idf.models.adaptive.vectors import LANES, STAGE_VECTORS
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.tables import to_terminal
from idf.terminal import progress_bar

ROOT = Path(__file__).resolve().parent.parent
OUTPUTS = ROOT / "outputs" / "bench"
RATE_HZ = 8000
HOURS = 10
SHORTEST, LONGEST = 12, 19
"""Exponents of two: usual length of a signal in samples."""
STAY = 1 << 22
"""Occasional length of a signal in samples."""
AT_ONCE = 1 << 19
"""Samples between two checks of the state."""
LAST = 1 << 16
"""Samples of each signal in the final comparison; bits are counted over their second half."""
WIDTH = 128
"""Least width of the tables, in characters."""
SPACE = ("space", "outputs", "bits")
"""Parts of a state that are working space only."""
SLACK = 1e-5
"""Conversion factors may exceed [0, 1] by this much, from rounding."""


# ------------------------------------------------------------------ signals

Signal = Callable[[int, int, np.random.Generator], np.ndarray]
"""A function of start, count and a random generator that returns ``count`` samples, any numbers."""


def _times(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float64)


def _music(start: int, count: int) -> np.ndarray:
    t, partials = _times(start, count), (0.021, 0.0525, 0.0631, 0.126, 0.2003)
    return sum((9000 * np.sin(t * f + n) for n, f in enumerate(partials)), np.zeros(count))


def _held(start: int, count: int, length: int) -> np.ndarray:
    """Return levels that are constant for ``length`` samples, uniform in [0, 1], depending on the sample index only."""
    numbers = np.arange(start // length, (start + count - 1) // length + 1)
    levels = np.array([np.random.default_rng((9, number)).random() for number in numbers])
    return np.repeat(levels, length)[start % length :][:count]


def signals() -> dict[str, Signal]:
    """Return all signals by name. Deterministic ones are functions of time, so they continue where they stopped."""
    voice = np.concatenate([soundfile.read(clip, dtype="int16")[0] for clip in sorted(demo_folder().glob("*.flac"))])

    def speech(start: int, count: int) -> np.ndarray:
        return np.take(voice, np.arange(start, start + count), mode="wrap").astype(np.float64)

    def periodic(start: int, count: int, period: int) -> np.ndarray:
        return np.arange(start, start + count) % period

    return {
        "silence": lambda s, n, rng: np.zeros(n),
        "constant, lowest": lambda s, n, rng: np.full(n, -32768.0),
        "noise, full scale": lambda s, n, rng: rng.integers(-32768, 32768, n),
        "noise, ±3": lambda s, n, rng: rng.integers(-3, 4, n),
        "one-bit dither": lambda s, n, rng: rng.integers(0, 2, n),
        "tone": lambda s, n, rng: 20_000 * np.sin(0.2 * _times(s, n)),
        "tone, quiet": lambda s, n, rng: 3 * np.sin(0.08 * _times(s, n)),
        "tone, clipped": lambda s, n, rng: 1e5 * np.sin(0.05 * _times(s, n)),
        "two close tones": lambda s, n, rng: 16_000 * (np.sin(0.3 * _times(s, n)) + np.sin(0.3001 * _times(s, n))),
        "sweep": lambda s, n, rng: 25_000 * np.sin(2e-6 * (_times(s, n) % (1 << 20)) ** 2),
        "period of 64": lambda s, n, rng: 30_000 * np.sin(2 * np.pi * periodic(s, n, 64) / 64),
        "square, full scale": lambda s, n, rng: np.where(periodic(s, n, 100) < 50, 32767, -32768),
        "alternating, full scale": lambda s, n, rng: np.where(periodic(s, n, 2), 32767, -32768),
        "pulses": lambda s, n, rng: np.where(periodic(s, n, 160), 0, 32767),
        "clicks": lambda s, n, rng: np.where(rng.random(n) < 1e-3, 32767, 0),
        "steps": lambda s, n, rng: np.round(65535 * _held(s, n, 700)) - 32768,
        "noise, on and off": lambda s, n, rng: rng.integers(-32768, 32768, n) * (periodic(s, n, 3000) < 1000),
        "noise in music": lambda s, n, rng: 0.5 * _music(s, n) + rng.normal(0, 200, n),
        "music": lambda s, n, rng: 0.7 * _music(s, n),
        "music, clipped": lambda s, n, rng: 2 * _music(s, n),
        "speech": lambda s, n, rng: speech(s, n),
        "speech, clipped": lambda s, n, rng: 20 * speech(s, n),
        "speech, quiet": lambda s, n, rng: speech(s, n) / 64,
        "speech, faded": lambda s, n, rng: speech(s, n) * np.exp2(-12 * _held(s, n, 4000)),
    }


def sampled(signal: Signal, start: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return samples of a signal, rounded and clipped to 16 bits: int32 (count, 1)."""
    samples = np.clip(np.rint(signal(start, count, rng)), -32768, 32767).astype(np.int32)
    return np.ascontiguousarray(samples[:, None])


def schedule(names: list[str], total: int, step: int, rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Yield signal names and lengths in samples, multiples of ``step``, until the total is reached.

    Every round has all signals in random order; in each round another one lasts long.
    """
    done, turn = 0, 0
    while True:
        order = [names[i] for i in rng.permutation(len(names))]
        for name in order:
            length = STAY if name == names[turn % len(names)] else 1 << int(rng.integers(SHORTEST, LONGEST + 1))
            length = min(-(-length // step) * step, -(-(total - done) // step) * step)
            yield name, length
            done += length
            if done >= total:
                return
        turn += 1


# ------------------------------------------------------------------ loops


@compiled_loop
def _watch(samples: Any, constants: Any, state: Any, found: Any) -> None:
    resets, largest, total = 0, 0.0, 0.0
    first = (constants.plan.stages - 1) * LANES
    for t in range(len(samples)):
        farthest = 0.0
        for j in range(first, first + LANES):
            farthest += abs(state.by_order[0, j])
        if not farthest < _ASTRAY:
            resets += 1
        predict(0, 0, t, constants, state)
        for k in range(constants.plan.experts):
            size = abs(state.predictions[0, k])
            if not size <= largest:
                largest = size if size == size else np.inf
        centre(0, constants, state)
        total += abs(samples[t] - state.now[0, 0])
        learn(0, 0, t, samples[t], constants, state)
    found[0], found[1], found[2] = resets, largest, total / len(samples)


def watch(samples: np.ndarray, constants: Constants, state: State) -> tuple[int, float, float]:
    """Predict one channel and learn as the codec does, sample by sample.

    Args:
        samples: int32 (time, 1); a multiple of :func:`step_of` if another call continues from there.
        constants: of the codec.
        state: for one channel; changed in place.

    Returns:
        the number of lattice resets; the largest prediction of all experts, in sample steps, infinite if
        one was not a number; and the mean magnitude of the error of the experts' centre.
    """
    found = np.zeros(3)
    _watch(np.ascontiguousarray(samples[:, 0], np.int64), constants, state, found)
    return int(found[0]), float(found[1]), float(found[2])


def step_of(constants: Constants) -> int:
    """Return the number of samples after which all ring buffers are at their start, so a new call can continue."""
    return math.lcm(constants.plan.past, *(2 * int(order) for order in constants.filter_orders))


@dataclass
class Coding:
    """The codec's loop with a state that persists between calls.

    Args:
        codec: an adaptive model.
        state: for one channel; changed by each call.
    """

    codec: AdaptiveCodec
    state: State

    def bits(self, samples: np.ndarray) -> np.ndarray:
        """Return the bits of each sample: float64 (samples,), infinite where its interval has no width.

        Args:
            samples: int32 (time, 1); a multiple of :func:`step_of`, except in the last call.
        """
        constants, weights, tables, _, scratch = self.codec._loop_arguments([1], [None])
        starts, freqs = (np.empty(len(samples), np.int64) for _ in range(2))
        streams = make_streams([samples.shape])
        streams.samples[:] = samples[:, 0]
        LOOPS.intervals(streams, constants, weights, tables, self.state, scratch, starts, freqs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return PRECISION - np.log2(np.where(freqs > 0, freqs, 0).astype(np.float64))


def fresh(codec: AdaptiveCodec) -> State:
    """Return the initial state of one channel."""
    return codec.first_state(1)


def copied(state: State) -> State:
    """Return a copy of a state."""
    return State(*(type(part)(*map(np.array, part)) if isinstance(part, tuple) else np.array(part) for part in state))


def arrays(state: State) -> dict[str, np.ndarray]:
    """Return all arrays of a state by name, without working space."""
    found = {}
    for name, part in state._asdict().items():
        parts = part._asdict() if isinstance(part, tuple) else {"": part}
        found |= {f"{name}.{field}".strip("."): values for field, values in parts.items() if field not in SPACE}
    return found


def problems(state: State, constants: Constants) -> list[str]:
    """Return the faults of a state, one sentence each."""
    found = []
    for name, values in arrays(state).items():
        if not np.isfinite(values).all():
            found.append(f"{name} is not finite")
    stages = state.stages.reshape(-1, STAGE_VECTORS, LANES)
    floor = constants.floor / (1 - constants.forgetting)
    if not (stages[:, 2:4] >= (1 - SLACK) * floor).all():
        found.append(f"an energy of {stages[:, 2:4].min():.3g} is below its floor")
    if not ((stages[:, 6] >= -SLACK) & (stages[:, 6] <= 1 + SLACK)).all():
        found.append(f"a conversion factor is outside [0, 1]: {stages[:, 6].min()} to {stages[:, 6].max()}")
    for name in ("lms_energy", "error_levels", "levels"):
        if not (getattr(state, name) >= 0).all():
            found.append(f"{name} is negative")
    return found


def has_subnormals(state: State) -> bool:
    """Return whether a state has subnormal numbers, which are exact but slow on some processors."""
    floats = (values for values in arrays(state).values() if values.dtype.kind == "f")
    return any(((values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)).any() for values in floats)


def same(one: State, other: State) -> bool:
    """Return whether two states have equal predictors, bit for bit. Networks are ignored: :func:`watch` has none."""
    pairs = zip(arrays(one).items(), arrays(other).values(), strict=True)
    return all(a.tobytes() == b.tobytes() for (name, a), b in pairs if not name.startswith("online."))


# ------------------------------------------------------------------ the run


@dataclass
class Sum:
    """Totals of an hour or of a signal.

    Attributes:
        samples: number of samples.
        bits: of all samples.
        error: sum of the magnitudes of the error of the experts' centre.
        resets: of lattices.
        subnormal: checks of the state, every 2^19 samples and at every switch, that found subnormal numbers.
        seconds: CPU time of the codec's loop.
        slowest: microseconds per sample of the slowest piece of at least 2^14 samples.
    """

    samples: int = 0
    bits: float = 0.0
    error: float = 0.0
    resets: int = 0
    subnormal: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, samples: int, bits: float, error: float, resets: int, subnormal: bool, seconds: float) -> None:
        """Add a piece; ``error`` is its mean magnitude."""
        self.samples += samples
        self.bits += bits
        self.error += error * samples
        self.resets += resets
        self.subnormal += subnormal
        self.seconds += seconds
        if samples >= 1 << 14:
            self.slowest = max(self.slowest, 1e6 * seconds / samples)

    @property
    def microseconds(self) -> float:
        """CPU time per sample, in microseconds."""
        return 1e6 * self.seconds / max(self.samples, 1)


@dataclass
class Outcome:
    """The results of a run.

    Attributes:
        model: name of the model.
        samples: number of samples.
        switches: number of changes of the signal.
        hours, by_signal: totals.
        longest: the longest uninterrupted length of each signal, in samples.
        old, fresh: bits per sample of each signal with the final state and with a fresh state.
        problems: faults and where they occurred.
    """

    model: str
    samples: int = 0
    switches: int = 0
    hours: list[Sum] = field(default_factory=list)
    by_signal: dict[str, Sum] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    old: dict[str, float] = field(default_factory=dict)
    fresh: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def resets(self) -> int:
        """Number of lattice resets."""
        return sum(hour.resets for hour in self.hours)


def run(
    codec: AdaptiveCodec,
    name: str,
    total: int,
    *,
    hour: int = 3600 * RATE_HZ,
    seed: int = 1,
    progress: Callable[[int], object] = lambda samples: None,
) -> Outcome:
    """Process ``total`` samples with both loops.

    Args:
        codec: an adaptive model.
        name: of the model.
        total: number of samples.
        hour: samples per entry of ``Outcome.hours``.
        seed: of the signals' order and noise.
        progress: called with the number of samples processed since the last call.
    """
    constants, rng = codec.constants, np.random.default_rng(seed)
    sources, step = signals(), step_of(codec.constants)
    coding, watched = Coding(codec, fresh(codec)), fresh(codec)
    outcome = Outcome(name, by_signal={name: Sum() for name in sources}, longest=dict.fromkeys(sources, 0))
    Coding(codec, fresh(codec)).bits(np.zeros((step, 1), np.int32))  # compile before timing
    for signal, length in schedule(list(sources), total, step, rng):
        outcome.switches += 1
        outcome.longest[signal] = max(outcome.longest[signal], length)
        for first in range(0, length, AT_ONCE):
            count = min(AT_ONCE, length - first)
            start = outcome.by_signal[signal].samples
            samples = sampled(sources[signal], start, count, rng)
            begun = time.process_time()
            bits = coding.bits(samples)
            seconds = time.process_time() - begun
            resets, largest, error = watch(samples, constants, watched)
            found = problems(coding.state, constants)
            if not np.isfinite(bits).all():
                found.append("a coding interval has no width")
            if not largest <= LIMIT or not math.isfinite(error):
                found.append(f"a prediction of {largest}")
            if not same(coding.state, watched):
                found.append("the two loops are not in the same state")
            outcome.problems += [f"{signal}, at sample {outcome.samples}: {text}" for text in found]
            while len(outcome.hours) <= outcome.samples // hour:
                outcome.hours.append(Sum())
            for entry in (outcome.hours[-1], outcome.by_signal[signal]):
                entry.add(count, float(bits.sum()), error, resets, has_subnormals(coding.state), seconds)
            outcome.samples += count
            progress(count)
    _compare_with_a_fresh_start(outcome, codec, coding.state, sources)
    return outcome


def _compare_with_a_fresh_start(
    outcome: Outcome, codec: AdaptiveCodec, aged: State, sources: dict[str, Signal]
) -> None:
    for signal, source in sources.items():
        samples = sampled(source, 0, LAST, np.random.default_rng(5))
        for bits, state in ((outcome.old, copied(aged)), (outcome.fresh, fresh(codec))):
            bits[signal] = float(Coding(codec, state).bits(samples)[LAST // 2 :].mean())


HOURS_COLUMNS = ("hour", "bits/sample", "µs/sample", "slowest", "resets", "subnormal")
SIGNALS_COLUMNS = (
    *("signal", "minutes", "longest", "bits/sample", "old", "fresh"),
    *("error", "µs/sample", "slowest", "resets", "subnormal"),
)


def tables(outcome: Outcome) -> list[Table]:
    """Return the tables by hour and by signal."""
    hours = [
        (
            str(number),
            f"{hour.bits / hour.samples:.3f}",
            f"{hour.microseconds:.2f}",
            f"{hour.slowest:.2f}",
            str(hour.resets),
            str(hour.subnormal),
        )
        for number, hour in enumerate(outcome.hours, 1)
    ]
    by_signal = [
        (
            signal,
            f"{seen.samples / RATE_HZ / 60:.1f}",
            f"{outcome.longest[signal] / RATE_HZ / 60:.1f}",
            f"{seen.bits / seen.samples:.3f}",
            f"{outcome.old[signal]:.3f}",
            f"{outcome.fresh[signal]:.3f}",
            f"{seen.error / seen.samples:.3g}",
            f"{seen.microseconds:.2f}",
            f"{seen.slowest:.2f}",
            str(seen.resets),
            str(seen.subnormal),
        )
        for signal, seen in outcome.by_signal.items()
        if seen.samples
    ]
    return [
        to_terminal(HOURS_COLUMNS, hours, "l" + "r" * (len(HOURS_COLUMNS) - 1), title=outcome.model),
        to_terminal(SIGNALS_COLUMNS, by_signal, "l" + "r" * (len(SIGNALS_COLUMNS) - 1)),
    ]


def main() -> int:
    """Run, print the tables, write the results, and return 1 if there was a fault, else 0."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--hours", type=float, default=HOURS, help=f"hours of audio at {RATE_HZ} Hz (default: {HOURS})")
    parser.add_argument("--model", default="fast", help="name or path of an adaptive model (default: fast)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the signals' order and noise (default: 1)")
    arguments = parser.parse_args()
    if not 0 < arguments.hours <= 1000 or arguments.seed < 0:
        raise ConfigError(["--hours must be above 0 and at most 1000, --seed at least 0"])
    path = find_model(arguments.model)
    codec = load_codec(path)
    if not isinstance(codec, AdaptiveCodec):
        raise ConfigError([f"--model {path}: not an adaptive model; choose one, such as fast"])
    total = max(round(arguments.hours * 3600 * RATE_HZ), 1)
    console = Console()
    console.width = max(console.width, WIDTH)
    with progress_bar() as progress:
        task = progress.add_task("", total=total)
        outcome = run(
            codec, path.stem, total, seed=arguments.seed, progress=lambda samples: progress.advance(task, samples)
        )
    for table in tables(outcome):
        console.print(table)
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    with atomic_write(OUTPUTS / f"stability-{path.stem}.json") as file:
        file.write(json.dumps(asdict(outcome), indent=1).encode())
    print(f"{outcome.samples:,} samples, {outcome.switches:,} switches, {outcome.resets} lattice resets")
    for problem in outcome.problems[:20]:
        print(f"fault: {problem}", file=sys.stderr)
    print("no fault found" if not outcome.problems else f"{len(outcome.problems)} faults found")
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(run_main(main))
