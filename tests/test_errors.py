from __future__ import annotations

from idf.errors import did_you_mean, nearest


def test_suggestions() -> None:
    assert did_you_mean("smal", ["small", "large"]) == "; did you mean small?"
    assert did_you_mean("xyz", ["small", "large"]) == "; there are small, large"
    assert did_you_mean("xyz", ["small", "large"], otherwise="; see the list") == "; see the list"
    assert did_you_mean("xyz", []) == "; there are none"
    assert nearest("smal", ["large", "small", "smaller", "smell"]) == ["small", "smaller"]
