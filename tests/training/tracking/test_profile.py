from __future__ import annotations

from pathlib import Path

import pytest

from idf.training.tracking.profile import WARM_UP_STEPS, StepProfiler


@pytest.mark.parametrize(
    ("first", "steps", "traced"), [(0, 1000, WARM_UP_STEPS), (500, 1000, 500 + WARM_UP_STEPS), (0, 4, 3), (3, 4, 3)]
)
def test_the_step_after_the_warm_up_or_the_last_is_traced(tmp_path: Path, first: int, steps: int, traced: int) -> None:
    assert StepProfiler(tmp_path, first, steps).at == traced


def test_only_the_traced_step_is_waited_for(tmp_path: Path) -> None:
    profiler = StepProfiler(tmp_path, 0, 3)
    waited: list[int] = []
    assert [profiler(step, lambda step=step: step * 10, waited.append) for step in range(3)] == [0, 10, 20]
    assert waited == [20]
    assert len(list(tmp_path.glob("tensorboard/plugins/profile/*/*.xplane.pb"))) == 1
