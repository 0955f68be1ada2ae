from __future__ import annotations

import math

import numpy as np
import pytest

from idf.coding import tables
from idf.coding.tables import TABLES_DIGEST, coding_tables

FROZEN_DIGEST = "a465cf4b630f7b6c29b76567a30a6e2fa4978bd2172e6f7a742a64bd8048dd89"


def test_the_digest_is_the_one_of_format_version_1() -> None:
    assert TABLES_DIGEST == FROZEN_DIGEST
    assert coding_tables().digest() == FROZEN_DIGEST


def test_tables_agree_with_floating_point() -> None:
    made = coding_tables()
    x = np.arange(-22 * 64, 22 * 64 + 1) / 64
    np.testing.assert_allclose(made.sigma, 2.0**32 / (1 + np.exp(-x)), atol=0.6)
    np.testing.assert_allclose(made.exp, [2.0**30 * math.exp(-j / 64) for j in range(22 * 64 + 1)], atol=0.6)
    np.testing.assert_allclose(made.inverse, [2.0 ** (30 - k / 32) for k in range(-192, 513)], rtol=1e-13, atol=0.6)


def test_tables_are_monotone_and_read_only() -> None:
    made = coding_tables()
    assert np.all(np.diff(made.sigma.astype(np.int64)) >= 0)
    assert np.all(np.diff(made.exp) <= 0)
    assert np.all(np.diff(made.inverse) < 0)
    for table in (made.sigma, made.exp, made.inverse):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


def test_other_tables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES_DIGEST", "0" * 64)
    with pytest.raises(RuntimeError, match="the format needs"):
        coding_tables.__wrapped__()
