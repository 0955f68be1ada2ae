"""Runs in the process of the test, without their figures."""

from __future__ import annotations

import pytest

from idf.runs import curves


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no curves at the end of a run, which takes most of the time of a tiny one.

    ``test_session.py::test_the_exported_model_is_the_best_checkpoint`` draws them, and so does every run in a process of its own, of
    each family and layout in ``docs/test_runs.py``.
    """
    monkeypatch.setattr(curves, "plot_history", lambda history_path, folder: [])
