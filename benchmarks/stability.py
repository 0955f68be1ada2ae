"""Do the adaptive flow's predictors stay sound for hours? Ten hours of changing signals, never beginning anew.

    python -m benchmarks.stability                               10 hours at 8 kHz through the fast model
    python -m benchmarks.stability --model default --hours 1     another model, another length

The codec begins anew in every block, so no file asks for this: here the predictors' state is carried on from the
first sample to the last. Speech and twenty signals that are hard on predictors (silence, full scale, pure tones,
clicks, noise, sudden changes …) follow each other in random order, for 0.5 to 65 seconds each, and each in its
turn for 8.7 minutes. Two compiled loops run over them:

* the codec's own, which gives the bits and the speed;
* one that predicts and learns by the same steps and looks at every prediction on its way. Both have to be in the
  same state, bit for bit, after every piece.

Faults would be: numbers that are not finite, energies below their floor, conversion factors outside of 0 to 1,
coding intervals without width. Counted are lattices that begin anew, and looks at the state that found numbers too
small for normal floats, which are exact but slow on some processors.

In the end every signal is coded once more, after all those hours and from a fresh start: predictors that had gone
astray without a sign of it would need more bits.

Beside the tables, ``outputs/bench/stability-MODEL.json`` is written. Exit status 1 if there was a fault.
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
from idf.models.adaptive.loops import LOOPS
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
"""Powers of two: samples that a signal lasts, usually."""
STAY = 1 << 22
"""And now and then."""
AT_ONCE = 1 << 19
"""Samples between two looks at the state."""
LAST = 1 << 16
"""Samples of each signal at the end; bits are counted over their second half."""
WIDTH = 128
"""Of the tables, in characters, at least."""
SPACE = ("space", "outputs", "bits")
"""Parts of a state that nothing is kept in."""
SLACK = 1e-5
"""Conversion factors may be above 1 or below 0 by so much, from rounding."""


# ------------------------------------------------------------------ signals

Signal = Callable[[int, int, np.random.Generator], np.ndarray]
"""Samples start … start + count of it, any numbers; they are rounded and clipped to 16 bits."""


def _times(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float64)


def _music(start: int, count: int) -> np.ndarray:
    t, partials = _times(start, count), (0.021, 0.0525, 0.0631, 0.126, 0.2003)
    return sum((9000 * np.sin(t * f + n) for n, f in enumerate(partials)), np.zeros(count))


def _held(start: int, count: int, length: int) -> np.ndarray:
    """A level for every ``length`` samples, drawn from their number alone: uniform in 0 … 1."""
    numbers = np.arange(start // length, (start + count - 1) // length + 1)
    levels = np.array([np.random.default_rng((9, number)).random() for number in numbers])
    return np.repeat(levels, length)[start % length :][:count]


def signals() -> dict[str, Signal]:
    """All signals by name. Those without chance in them are functions of time, and so go on where they were."""
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
    """Samples of a signal: int32 (count, 1)."""
    samples = np.clip(np.rint(signal(start, count, rng)), -32768, 32767).astype(np.int32)
    return np.ascontiguousarray(samples[:, None])


def schedule(names: list[str], total: int, step: int, rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Which signal comes and for how many samples, until there are ``total``, all of them multiples of ``step``.

    Round after round all of them in random order, one of each round, another each time, for a long while.
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
    """Predict one channel and learn as the codec does, from sample to sample.

    Args:
        samples: int32 (time, 1); a multiple of :func:`step_of` where another call goes on from there.
        state: for one channel; changed.

    Returns:
        how many lattices began anew; the largest prediction of all experts, in sample steps, infinite where
        one was not a number; and the mean magnitude of the error of the experts' centre.
    """
    found = np.zeros(3)
    _watch(np.ascontiguousarray(samples[:, 0], np.int64), constants, state, found)
    return int(found[0]), float(found[1]), float(found[2])


def step_of(constants: Constants) -> int:
    """Samples after which all histories are where they began, so that a new call can go on from there."""
    return math.lcm(constants.plan.past, *(int(order) for order in constants.filter_orders))


@dataclass
class Coding:
    """The codec's loop, carried on from call to call.

    Args:
        codec: an adaptive model.
        state: for one channel; changed by each call.
    """

    codec: AdaptiveCodec
    state: State

    def bits(self, samples: np.ndarray) -> np.ndarray:
        """What each sample costs: float64 (samples,), infinite where its interval has no width.

        Args:
            samples: int32 (time, 1); a multiple of :func:`step_of`, but for the last call.
        """
        constants, weights, tables, _, scratch = self.codec._loop_arguments(1)
        starts, freqs = (np.empty(len(samples), np.int64) for _ in range(2))
        LOOPS.intervals(samples, constants, weights, tables, self.state, scratch, starts, freqs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return PRECISION - np.log2(np.where(freqs > 0, freqs, 0).astype(np.float64))


def fresh(codec: AdaptiveCodec) -> State:
    """The state of one channel before the first sample."""
    return codec.first_state(1)


def copied(state: State) -> State:
    """The same state in arrays of its own."""
    return State(*(type(part)(*map(np.array, part)) if isinstance(part, tuple) else np.array(part) for part in state))


def arrays(state: State) -> dict[str, np.ndarray]:
    """All arrays of a state by name, but for space that is worked in."""
    found = {}
    for name, part in state._asdict().items():
        parts = part._asdict() if isinstance(part, tuple) else {"": part}
        found |= {f"{name}.{field}".strip("."): values for field, values in parts.items() if field not in SPACE}
    return found


def problems(state: State, constants: Constants) -> list[str]:
    """What is wrong with a state."""
    found = []
    for name, values in arrays(state).items():
        if not np.isfinite(values).all():
            found.append(f"{name} is not finite")
    stages = state.stages.reshape(-1, STAGE_VECTORS, LANES)
    floor = constants.floor / (1 - constants.forgetting)
    if not (stages[:, 2:4] >= (1 - SLACK) * floor).all():
        found.append(f"an energy of {stages[:, 2:4].min():.3g} is below its floor")
    if not ((stages[:, 6] >= -SLACK) & (stages[:, 6] <= 1 + SLACK)).all():
        found.append(f"a conversion factor lies outside of 0 to 1: {stages[:, 6].min()} to {stages[:, 6].max()}")
    for name in ("lms_energy", "error_levels", "levels"):
        if not (getattr(state, name) >= 0).all():
            found.append(f"{name} is negative")
    return found


def has_subnormals(state: State) -> bool:
    """Whether a state holds numbers too small for normal floats: as exact as others, but slow on some processors."""
    floats = (values for values in arrays(state).values() if values.dtype.kind == "f")
    return any(((values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)).any() for values in floats)


def same(one: State, other: State) -> bool:
    """Whether the predictors of two states are, bit for bit; :func:`watch` has no network that could learn."""
    pairs = zip(arrays(one).items(), arrays(other).values(), strict=True)
    return all(a.tobytes() == b.tobytes() for (name, a), b in pairs if not name.startswith("online."))


# ------------------------------------------------------------------ the run


@dataclass
class Sum:
    """What was seen, of an hour or of a signal.

    Attributes:
        error: sum of magnitudes, of the experts' centre.
        subnormal: looks at the state, one every 2^19 samples and at every switch, that found such numbers.
        seconds: of CPU time, in the codec's loop.
        slowest: microseconds a sample, of the slowest piece of 2^14 samples or more.
    """

    samples: int = 0
    bits: float = 0.0
    error: float = 0.0
    resets: int = 0
    subnormal: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, samples: int, bits: float, error: float, resets: int, subnormal: bool, seconds: float) -> None:
        """Count a piece; its error is the mean magnitude."""
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
        """Of CPU time a sample."""
        return 1e6 * self.seconds / max(self.samples, 1)


@dataclass
class Outcome:
    """A whole run.

    Attributes:
        hours, by_signal: what was seen.
        longest: the longest unbroken stay with each signal, in samples.
        old, fresh: bits a sample of each signal, after all of this and from a fresh start.
        problems: what was not as it should be, with where it was.
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
        """Lattices that began anew."""
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
    """Send so many samples through both loops.

    Args:
        hour: samples of an entry of ``Outcome.hours``.
    """
    constants, rng = codec.constants, np.random.default_rng(seed)
    sources, step = signals(), step_of(codec.constants)
    coding, watched = Coding(codec, fresh(codec)), fresh(codec)
    outcome = Outcome(name, by_signal={name: Sum() for name in sources}, longest=dict.fromkeys(sources, 0))
    Coding(codec, fresh(codec)).bits(np.zeros((step, 1), np.int32))  # compiled before it is timed
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


HOURS_COLUMNS = ("hour", "bits/sample", "µs/sample", "slowest", "lattices anew", "subnormal")
SIGNALS_COLUMNS = (
    *("signal", "minutes", "longest", "bits/sample", "old", "fresh"),
    *("error", "µs/sample", "slowest", "anew", "subnormal"),
)


def tables(outcome: Outcome) -> list[Table]:
    """What was seen hour by hour and signal by signal."""
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
    """Run, print the tables, keep the numbers."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--hours", type=float, default=HOURS, help=f"of audio at {RATE_HZ} Hz; default: {HOURS}")
    parser.add_argument("--model", default="fast", help="name or path of an adaptive model; default: fast")
    parser.add_argument("--seed", type=int, default=1, help="of the order of signals and of their noise; default: 1")
    arguments = parser.parse_args()
    if not 0 < arguments.hours <= 1000 or arguments.seed < 0:
        raise ConfigError(["--hours: above 0, at most 1000; --seed: 0 or more"])
    path = find_model(arguments.model)
    codec = load_codec(path)
    if not isinstance(codec, AdaptiveCodec):
        raise ConfigError([f"--model {path}: no adaptive model; windows have no state to lose"])
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
    print(f"{outcome.samples:,} samples, {outcome.switches:,} switches, {outcome.resets} lattices began anew")
    for problem in outcome.problems[:20]:
        print(f"fault: {problem}", file=sys.stderr)
    print("no fault was found" if not outcome.problems else f"{len(outcome.problems)} faults were found")
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(run_main(main))
