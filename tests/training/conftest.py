"""Training in the process of the test, without its figures."""

from __future__ import annotations

import pytest

from idf.runs import curves


@pytest.fixture
def figures() -> None:
    """Draw the curves at the end of a run, as all runs in processes of their own do."""


@pytest.fixture(autouse=True)
def no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no curves, because that takes seconds, unless the test asks for ``figures``."""
    if "figures" not in request.fixturenames:
        monkeypatch.setattr(curves, "plot_history", lambda history_path, folder: [])
