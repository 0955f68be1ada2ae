"""When a run has left the road: a loss that is not a number, or one that stays absurdly high."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

SMOOTHING = 0.95
"""Decay per step of the smoothed loss: about 20 steps, so that one odd batch does not end a run."""

GRACE_STEPS = 100
"""The first steps do not count: a sharp last block starts at tens of bits and falls within them."""


@dataclass
class DivergenceGuard:
    """Watches the loss of every step.

    Args:
        limit: bits a sample.
        smoothed, steps: state, kept in checkpoints so that a resumed run judges alike.
    """

    limit: float
    smoothed: float = 0.0
    steps: int = 0

    def update(self, losses: Iterable[float]) -> str | None:
        """Take the losses (bits a sample) of consecutive steps; return why the run has diverged, or None."""
        for loss in losses:
            if not math.isfinite(loss):
                return f"the loss became {loss} at step {self.steps + 1}"
            # The first losses weigh in fully, as if the past had been like them.
            decay = min(SMOOTHING, self.steps / (self.steps + 1))
            self.smoothed = decay * self.smoothed + (1 - decay) * loss
            self.steps += 1
            if self.steps > GRACE_STEPS and self.smoothed > self.limit:
                return (
                    f"the smoothed loss rose to {self.smoothed:.2f} bits/sample at step {self.steps} "
                    f"(training.diverged_bits={self.limit:g})"
                )
        return None
