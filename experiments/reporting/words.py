"""The results of a study in sentences, for the page, the Markdown report and the terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from experiments.reporting.results import SeedResult, StudyResult
from experiments.reporting.statistics import Paired

SIGNIFICANT = 0.05
MOST_NAMES = 12
"""Most runs to list by name; the others are counted."""


def progress(result: StudyResult) -> str:
    """Return the number of runs in each state, and when it was read."""
    states = Counter(seed.run.state.name for cell in result.cells for seed in cell.seeds)
    counts = ", ".join(f"{count} {state_name(state)}" for state, count in states.most_common())
    return f"{sum(states.values())} runs: {counts}. Read on {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC."


def incomplete(result: StudyResult) -> str | None:
    """Return the runs that are missing from the figures; None if none are."""
    if not result.missing:
        return None
    names = ", ".join(f"{seed.name} ({state_name(seed.run.state.name)})" for seed in result.missing[:MOST_NAMES])
    more = f" and {len(result.missing) - MOST_NAMES} more" if len(result.missing) > MOST_NAMES else ""
    return f"{names}{more}. The figures cover the other runs only."


def compared(first: str, second: str, paired: Paired) -> str:
    """Return the result of one paired comparison."""
    count = len(paired.seeds)
    if paired.difference is None:
        return f"{second} and {first} cannot be compared: no seed finished in both."
    more = "fewer" if paired.difference < 0 else "more"
    seeds = f"seed{'s' * (count > 1)} {', '.join(map(str, paired.seeds))}"
    parts = [f"{second} needs {abs(paired.difference):.4f} bits/sample {more} than {first}, over {seeds}"]
    if paired.interval is None:
        return f"{parts[0]}. One seed does not allow a conclusion."
    low, high = paired.interval.low, paired.interval.high
    parts.append(
        f" (95 % interval of the difference {_signed(low)} to {_signed(high)}); it is better in {paired.wins} of {count}."
    )
    assert paired.p_value is not None
    least = 2.0 ** (1 - count)
    if paired.p_value < SIGNIFICANT:
        parts.append(f" The difference is statistically significant (p = {paired.p_value:.3f}).")
    elif least >= SIGNIFICANT:
        parts.append(
            f" {count} seeds are too few for significance (p = {paired.p_value:.3f}; the smallest possible is {least:.3f})."
        )
    else:
        parts.append(f" The difference is not statistically significant (p = {paired.p_value:.3f}).")
    return "".join(parts)


def diverged(result: StudyResult) -> list[tuple[SeedResult, str]]:
    """Return each seed that diverged, with a sentence that says when and why."""
    found = [seed for cell in result.cells for seed in cell.seeds if seed.run.state.name == "diverged"]
    return [
        (seed, f"{seed.name} diverged at step {seed.run.state.step}: {seed.run.state.reason or 'no reason given'}.")
        for seed in found
    ]


def by_chance(comparisons: Sequence[object]) -> str | None:
    """Return a note on multiple comparisons; None for fewer than five."""
    if len(comparisons) < 5:
        return None
    return (
        f"Multiple comparisons: even without any true difference, about {SIGNIFICANT * len(comparisons):.1f} of "
        f"{len(comparisons)} comparisons would have p below {SIGNIFICANT}."
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def state_name(name: str) -> str:
    """Return the name of a run's state in words."""
    return "not started" if name == "new" else name
