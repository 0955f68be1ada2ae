"""Values that change over training: the sharpness of the last block and the learning rate.

Each schedule answers ``at(step)`` for any step, so a resumed run needs no state of it. Steps count
from 0; ``steps`` is the length of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from idf.config.schema import OptimizerConfig, SharpnessConfig


class Schedule(Protocol):
    """A value for each step of a run."""

    def at(self, step: int) -> float:
        """The value that the step with this number (from 0) uses."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same value all the time."""

    value: float

    def at(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Steps:
    """Jumps from ``start`` to ``end`` in equal parts, one at each of ``boundaries`` (steps, rising).

    The original's sharpening: each jump is a jump in its loss curves too, because the nets before the
    last block have to follow.
    """

    start: float
    end: float
    boundaries: tuple[int, ...]

    def at(self, step: int) -> float:
        passed = sum(step >= boundary for boundary in self.boundaries)
        return self.start + (self.end - self.start) * passed / len(self.boundaries)


@dataclass(frozen=True)
class Linear:
    """A straight line from ``start`` at step ``begin`` to ``end`` at step ``finish``; constant outside."""

    start: float
    end: float
    begin: int
    finish: int

    def at(self, step: int) -> float:
        return self.start + (self.end - self.start) * _progress(step, self.begin, self.finish)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``start`` at step ``begin`` to ``end`` at step ``finish``; constant outside."""

    start: float
    end: float
    begin: int
    finish: int

    def at(self, step: int) -> float:
        progress = _progress(step, self.begin, self.finish)
        return self.start + (self.end - self.start) * 0.5 * (1 - math.cos(math.pi * progress))


@dataclass(frozen=True)
class Warmup:
    """Rises in a straight line over the first ``steps`` steps, from 1/steps of ``then`` to all of it."""

    steps: int
    then: Schedule

    def at(self, step: int) -> float:
        return self.then.at(step) * min(1.0, (step + 1) / max(1, self.steps))


def sharpness_schedule(config: SharpnessConfig, steps: int) -> Schedule | None:
    """The last block's log-scale (nats, [-1, 1) amplitude scale) by step; None when it is learned."""
    match config.kind:
        case "learned":
            return None
        case "constant":
            return Constant(config.end)
        case "step":
            return Steps(config.start, config.end, tuple(round(part * steps) for part in config.boundaries))
    begin, finish = round(config.begin_fraction * steps), round(config.end_fraction * steps)
    if config.kind == "linear":
        return Linear(config.start, config.end, begin, finish)
    return Cosine(config.start, config.end, begin, finish)


_WARMUP_STEPS = 100


def learning_rate_schedule(config: OptimizerConfig, steps: int) -> Schedule:
    """The learning rate by step: warm-up, then constant or half a cosine to zero at ``steps``."""
    warmup = min(_WARMUP_STEPS, steps // 4) if config.warmup_steps is None else config.warmup_steps
    rate: Schedule = Constant(config.learning_rate)
    if config.schedule == "cosine":
        rate = Cosine(config.learning_rate, 0.0, warmup, steps)
    return Warmup(warmup, rate)


def _progress(step: int, begin: int, finish: int) -> float:
    if step >= finish:
        return 1.0
    return (step - begin) / (finish - begin) if step > begin else 0.0
