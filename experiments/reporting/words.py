"""What a study came to, in sentences: for the page, the Markdown, and those who do not read tables."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from experiments.reporting.results import SeedResult, StudyResult
from experiments.reporting.statistics import Paired

SIGNIFICANT = 0.05
MOST_NAMES = 12
"""Runs that are named one by one; of more, the first and the count of the others."""


def progress(result: StudyResult) -> str:
    """How many runs are in which state, and when that was read."""
    states = Counter(seed.run.state.name for cell in result.cells for seed in cell.seeds)
    counts = ", ".join(f"{count} {state_name(state)}" for state, count in states.most_common())
    return f"{sum(states.values())} runs: {counts}. Read on {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC."


def incomplete(result: StudyResult) -> str | None:
    """Which runs the figures lack; None when they lack none."""
    if not result.missing:
        return None
    names = ", ".join(f"{seed.name} ({state_name(seed.run.state.name)})" for seed in result.missing[:MOST_NAMES])
    more = f" and {len(result.missing) - MOST_NAMES} more" if len(result.missing) > MOST_NAMES else ""
    return f"{names}{more}. The figures are over what is there."


def compared(first: str, second: str, paired: Paired) -> str:
    """One pair of cells, seed by seed."""
    count = len(paired.seeds)
    if paired.difference is None:
        return f"{second} and {first} cannot be compared: no seed finished in both."
    more = "fewer" if paired.difference < 0 else "more"
    seeds = f"seed{'s' * (count > 1)} {', '.join(map(str, paired.seeds))}"
    parts = [f"{second} takes {abs(paired.difference):.4f} bits/sample {more} than {first}, over {seeds}"]
    if paired.interval is None:
        return f"{parts[0]}. One seed says nothing of others."
    low, high = paired.interval.low, paired.interval.high
    parts.append(
        f" (95 % interval of the difference {_signed(low)} to {_signed(high)}); it is better in {paired.wins} of {count}."
    )
    assert paired.p_value is not None
    least = 2.0 ** (1 - count)
    if paired.p_value < SIGNIFICANT:
        parts.append(f" Chance alone would seldom do that (p = {paired.p_value:.3f}).")
    elif least >= SIGNIFICANT:
        parts.append(
            f" {count} seeds are too few to tell this from chance (p = {paired.p_value:.3f}, and never below {least:.3f})."
        )
    else:
        parts.append(f" Chance alone can do that (p = {paired.p_value:.3f}).")
    return "".join(parts)


def diverged(result: StudyResult) -> list[tuple[SeedResult, str]]:
    """Each seed that diverged, and when and why."""
    found = [seed for cell in result.cells for seed in cell.seeds if seed.run.state.name == "diverged"]
    return [
        (seed, f"{seed.name} diverged at step {seed.run.state.step}: {seed.run.state.reason or 'no reason given'}.")
        for seed in found
    ]


def by_chance(comparisons: Sequence[object]) -> str | None:
    """A caution for many comparisons; None for a few."""
    if len(comparisons) < 5:
        return None
    return (
        f"Of {len(comparisons)} comparisons without any difference, about {SIGNIFICANT * len(comparisons):.1f} would "
        f"have p below {SIGNIFICANT} all the same."
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def state_name(name: str) -> str:
    """A state of a run in words."""
    return "not started" if name == "new" else name
