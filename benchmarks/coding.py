"""How fast integers become bytes: symbols a second on one core, and what rounding costs.

    python -m benchmarks.coding

Mixtures as a net gives them for speech (scales of 8 to 500 steps, components near each other), with
the symbols drawn from them. Rates are the best of several runs in CPU time, compilation excluded.
Memory is what NumPy allocates at most during the call, beyond its arguments.
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
"""Symbols a second that are promised for 10 components."""


@dataclass(frozen=True)
class Measured:
    """One row: symbols a second, bytes of the message and of the ideal, and bytes allocated."""

    components: int
    push_rate: float
    pop_rate: float
    message_bytes: int
    ideal_bytes: float
    push_peak: int
    pop_peak: int


def speech_mixture(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    """Mixtures whose components lie within about a scale of each other."""
    octave = rng.uniform(3, 9, (symbols, 1))
    centre = rng.normal(0, 2000, (symbols, 1))
    means = centre + rng.normal(0, 0.5, (symbols, components)) * 2**octave
    return IntegerMixture(
        logits=rng.integers(-100, 100, (symbols, components)).astype(np.int32),
        means=np.round(means * 256).astype(np.int32),
        scales=np.round((octave + rng.normal(0, 1, (symbols, components))) * 32).astype(np.int32),
    )


def draw(rng: np.random.Generator, mixture: IntegerMixture) -> np.ndarray:
    """Symbols distributed as the mixture says, int32 (n,)."""
    component = np.argmax(mixture.logits / 64 + rng.gumbel(size=mixture.logits.shape), axis=1)
    rows = np.arange(len(mixture))
    scale = np.exp2(mixture.scales[rows, component] / 32)
    values = mixture.means[rows, component] / 256 + scale * rng.logistic(size=len(mixture))
    return np.clip(np.round(values), -32768, 32767).astype(np.int32)


def measure(components: int) -> Measured:
    """Push and pop, checked to be each other's inverse."""
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
            raise SystemExit("pop did not undo push")
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
    """The shortest CPU time of several runs after a first one."""
    call()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def peak_bytes(call: Callable[[], None]) -> int:
    """The most memory in use at once during the call, beyond what was in use before."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> int:
    """Print the table; 1 where the promised rates are missed."""
    rows = [measure(components) for components in COMPONENTS]
    table = Table(title=f"rANS over mixtures of logistics, {SYMBOLS:,} symbols, one core")
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
        print(f"below the promised {PUSH_TARGET / 1e6:g} M push and {POP_TARGET / 1e6:g} M pop: {slow} components")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
