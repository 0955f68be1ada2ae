"""Schedules of the last block's sharpness and of the learning rate.

A schedule gives the value of any step directly, so a resumed run needs no state. Steps count from 0;
``steps`` is the length of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from idf.config.schema import OptimizerConfig, SharpnessConfig


class Schedule(Protocol):
    """A value for each step of a run."""

    def at(self, step: int) -> float:
        """Return the value at ``step``, counted from 0."""
        ...


@dataclass(frozen=True)
class Constant:
    """A constant value."""

    value: float

    def at(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Steps:
    """Equal jumps from ``start`` to ``end``, one at each of ``boundaries`` (increasing steps).

    This is the original's schedule. Its loss curves jump too, because the nets before the last block have to adapt.
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
    """Another schedule whose first ``steps`` values are scaled by a factor that rises linearly from 1/steps to 1."""

    steps: int
    then: Schedule

    def at(self, step: int) -> float:
        return self.then.at(step) * min(1.0, (step + 1) / max(1, self.steps))


def sharpness_schedule(config: SharpnessConfig, steps: int) -> Schedule | None:
    """Return the schedule of the last block's log-scale (nats, [-1, 1) amplitude scale); None if it is learned."""
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
    """Return the schedule of the learning rate: warm-up, then constant, or half a cosine to zero at ``steps``."""
    warmup = min(_WARMUP_STEPS, steps // 4) if config.warmup_steps is None else config.warmup_steps
    rate: Schedule = Constant(config.learning_rate)
    if config.schedule == "cosine":
        rate = Cosine(config.learning_rate, 0.0, warmup, steps)
    return Warmup(warmup, rate)


def _progress(step: int, begin: int, finish: int) -> float:
    if step >= finish:
        return 1.0
    return (step - begin) / (finish - begin) if step > begin else 0.0
