"""Detection of divergence: the loss is not finite, or stays above a limit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

SMOOTHING = 0.95
"""Decay per step of the smoothed loss, a mean over about 20 steps, so that a single batch cannot end a run."""

GRACE_STEPS = 100
"""Initial steps without a limit: with a sharp last block the loss starts at tens of bits and falls during these."""


@dataclass
class DivergenceGuard:
    """Watches the loss of every step.

    Args:
        limit: bits per dimension.
        smoothed, steps: state, stored in checkpoints so that a resumed run behaves the same.
    """

    limit: float
    smoothed: float = 0.0
    steps: int = 0

    def update(self, losses: Iterable[float]) -> str | None:
        """Add the losses (bits per dimension) of consecutive steps; return why the run has diverged, or None."""
        for loss in losses:
            if not math.isfinite(loss):
                return f"the loss became {loss} at step {self.steps + 1}"
            # Equal weights at first, so that the mean has no bias towards its initial value.
            decay = min(SMOOTHING, self.steps / (self.steps + 1))
            self.smoothed = decay * self.smoothed + (1 - decay) * loss
            self.steps += 1
            if self.steps > GRACE_STEPS and self.smoothed > self.limit:
                return (
                    f"the smoothed loss rose to {self.smoothed:.2f} bits/sample at step {self.steps} "
                    f"(training.diverged_bits={self.limit:g})"
                )
        return None
