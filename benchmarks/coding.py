"""Speed of the entropy coder in symbols per second on one core, and its overhead over −log2 p.

    python -m benchmarks.coding

The mixtures resemble those that a network predicts for speech (scales of 8 to 500 steps, components close to each
other), and the symbols are drawn from them. Rates are the best of several runs, in CPU time without compilation.
Memory is the peak of NumPy's allocations during a call, without its arguments.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture, ideal_bits

SYMBOLS = 200_000
REPEATS = 5
COMPONENTS = (10, 3)
PUSH_TARGET, POP_TARGET = 2e6, 1e6
"""Required symbols per second."""


@dataclass(frozen=True)
class Measured:
    """One row.

    Attributes:
        components: of the mixtures.
        push_rate, pop_rate: symbols per second.
        message_bytes: size of the message.
        ideal_bytes: −log2 p in bytes.
        push_peak, pop_peak: peak allocation in bytes.
    """

    components: int
    push_rate: float
    pop_rate: float
    message_bytes: int
    ideal_bytes: float
    push_peak: int
    pop_peak: int


def speech_mixture(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    """Return mixtures whose components are within about a scale of each other."""
    octave = rng.uniform(3, 9, (symbols, 1))
    centre = rng.normal(0, 2000, (symbols, 1))
    means = centre + rng.normal(0, 0.5, (symbols, components)) * 2**octave
    return IntegerMixture(
        logits=rng.integers(-100, 100, (symbols, components)).astype(np.int32),
        means=np.round(means * 256).astype(np.int32),
        scales=np.round((octave + rng.normal(0, 1, (symbols, components))) * 32).astype(np.int32),
    )


def draw(rng: np.random.Generator, mixture: IntegerMixture) -> np.ndarray:
    """Draw one symbol from each mixture, int32 (n,)."""
    component = np.argmax(mixture.logits / 64 + rng.gumbel(size=mixture.logits.shape), axis=1)
    rows = np.arange(len(mixture))
    scale = np.exp2(mixture.scales[rows, component] / 32)
    values = mixture.means[rows, component] / 256 + scale * rng.logistic(size=len(mixture))
    return np.clip(np.round(values), -32768, 32767).astype(np.int32)


def measure(components: int) -> Measured:
    """Measure push and pop, after checking that pop inverts push."""
    rng = np.random.default_rng(components)
    mixture = speech_mixture(rng, SYMBOLS, components)
    symbols = draw(rng, mixture)
    message = Message()
    message.push(symbols, mixture)
    data = message.to_bytes()

    def push() -> None:
        Message().push(symbols, mixture)

    def pop() -> None:
        decoded = Message.from_bytes(data)
        if not np.array_equal(decoded.pop(mixture), symbols):
            raise SystemExit("pop did not invert push: this is a bug in idf")
        decoded.finish()

    return Measured(
        components=components,
        push_rate=SYMBOLS / best_seconds(push),
        pop_rate=SYMBOLS / best_seconds(pop),
        message_bytes=len(data),
        ideal_bytes=float(ideal_bits(symbols, mixture).sum()) / 8,
        push_peak=peak_bytes(push),
        pop_peak=peak_bytes(pop),
    )


def best_seconds(call: Callable[[], None]) -> float:
    """Return the shortest CPU time of several runs, after a warm-up run."""
    call()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def peak_bytes(call: Callable[[], None]) -> int:
    """Return the peak of allocated memory during the call, in bytes."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> int:
    """Print the table and return 1 if a rate is below the required one, else 0."""
    rows = [measure(components) for components in COMPONENTS]
    table = Table(title=f"rANS with mixtures of logistics, {SYMBOLS:,} symbols, one core")
    for title in (
        "components",
        "push, M symbols/s",
        "pop, M symbols/s",
        "bytes",
        "over −log2 p",
        "push memory",
        "pop memory",
    ):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            str(row.components),
            f"{row.push_rate / 1e6:.2f}",
            f"{row.pop_rate / 1e6:.2f}",
            f"{row.message_bytes:,}",
            f"{100 * (row.message_bytes / row.ideal_bytes - 1):.4f} %",
            f"{row.push_peak / SYMBOLS:.1f} bytes/symbol",
            f"{row.pop_peak / SYMBOLS:.1f} bytes/symbol",
        )
    Console().print(table)
    slow = [row.components for row in rows if row.push_rate < PUSH_TARGET or row.pop_rate < POP_TARGET]
    if slow:
        print(f"below the required {PUSH_TARGET / 1e6:g} M push and {POP_TARGET / 1e6:g} M pop: {slow} components")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
