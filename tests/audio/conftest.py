from __future__ import annotations

import pytest

from tests.static_codec import StaticCodec


@pytest.fixture
def static() -> StaticCodec:
    return StaticCodec(chunk_samples=30_000)
